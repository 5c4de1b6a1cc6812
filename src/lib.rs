//! placeholder

mod secrets;
