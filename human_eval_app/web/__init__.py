"""What raters and administrators are served: addresses, pages, scripts and what guards them."""
