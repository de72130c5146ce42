"""Studies with human raters. Imports drawbench and harness.

Each sub-package imports only from those above it here:

    pictures   pictures on their way into a study
    studies    what is asked: design, questions, items, texts, the study's folder
    database   connections, tables, migrations
    store      the ratings: who is asked what next, and what of it is kept
    exports    ratings as plain files, and back
    analysis   estimates from ratings
    reports    an analysis as tables, figures and a page
    planning   what a study could tell, before anyone is asked
    simulated  raters made by code
    web        what raters and administrators are served
    commands   `drawbench study` and `drawbench rate`

`app` is the web app for `streamlit run`.
"""
