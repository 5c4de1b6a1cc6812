//! placeholder

mod artifact;
mod secrets;
