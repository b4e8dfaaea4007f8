"""Parts of the page that the browser draws (`st.components.v2`): a file each for Python, script and style.

Nothing is fetched from elsewhere. Scripts show words of others with `textContent`, never as HTML.
"""
