"""What stands between the network and the app, and what it answers beside Streamlit's pages.

`guard` is plain ASGI: every request passes it before Streamlit sees it. It checks by which name the app is addressed,
and from which site a request comes, and tells browsers what pages may do. It is the place for what has to know who
somebody is before a page is drawn, such as a login. `routes` answers browsers with models and pictures, and later
programs; it calls `transfer_core.services`, as pages and commands do. Nothing here imports Streamlit; starlette comes
with it.
"""
