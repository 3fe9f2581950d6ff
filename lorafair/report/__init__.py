"""One HTML file that shows an audit."""
