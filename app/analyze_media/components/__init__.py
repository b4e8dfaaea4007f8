"""Parts of the page that the browser draws."""
