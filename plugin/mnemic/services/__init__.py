"""The use cases. Each is a synchronous function or class over the ports; the public API runs it in a worker thread."""
