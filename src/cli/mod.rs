//! What can be asked: the only module that knows clap.

pub mod completion;
pub mod duration;
pub mod generate;
pub mod prompt;
pub mod suggest;
