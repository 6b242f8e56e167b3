"""What an Airflow process needs of kmaflow: connection types and hooks, plugin, timetable, metrics, set-up."""
