"""The Streamlit pages around the rating pane, and the administrators' area."""
