"""Functions that make the DAGs, their forms and their documentation."""
