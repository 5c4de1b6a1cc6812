//! Crowd.
