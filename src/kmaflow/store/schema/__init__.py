"""The tables: of the observations, of the service, their columns, and the migrations that make and change them."""
