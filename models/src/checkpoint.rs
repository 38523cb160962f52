//! A trained network on disk: safetensors for the arrays, JSON for the rest.
