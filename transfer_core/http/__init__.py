"""What the server answers beside Streamlit's pages. Imports starlette, which comes with Streamlit, and no Streamlit."""
