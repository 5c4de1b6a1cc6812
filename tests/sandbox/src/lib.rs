//! A small in-memory Kubernetes API server.
