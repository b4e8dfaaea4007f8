"""The HTTP service: pictures in, JSON out (`fer serve`, docs/SERVE.md)."""
