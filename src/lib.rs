//! placeholder
mod artifact;
mod kubernetes;
