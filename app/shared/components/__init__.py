"""Parts of the page that the browser draws (`st.components.v2`): Python beside scripts and a style.

Nothing is fetched from elsewhere. Scripts show words of others with `textContent`, never as HTML.
"""
