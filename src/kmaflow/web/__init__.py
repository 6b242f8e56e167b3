"""The page on the HTTP API: its built files (sources in ``web/``), and logging in to it with a token."""
