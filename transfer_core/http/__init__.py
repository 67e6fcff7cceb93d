"""What stands between the network and the app: every request passes here before Streamlit sees it.

Plain ASGI, without Streamlit: `app.py` hands it over as middleware, and another server could do the same. Today it
checks by which name the app is addressed and from which site a request comes, and tells browsers what pages may do. It
is the place for what has to know who somebody is before a page is drawn, such as a login, and for routes that answer
programs; they call `transfer_core.services`, as pages and commands do.
"""
