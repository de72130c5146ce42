"""The script that Streamlit runs for each visitor. It reads where they are from the database, every time."""

from human_eval_app.web.shell.navigation import show_page

show_page()
