"""The web page: one Gradio application on one port. What it does stands in plain functions beside the layout."""
