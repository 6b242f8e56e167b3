"""The HTTP API: the read library over HTTP, behind tokens. ``kmaflow serve`` runs it; Airflow's api-server mounts the same app behind its own login."""
