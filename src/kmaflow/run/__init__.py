"""What starts processes: `make run`, `make smoke` and the containers of compose.yaml."""
