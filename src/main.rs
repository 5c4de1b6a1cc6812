//! The binary: parse, run, exit.

use std::io::Write as _;
use std::panic::{PanicHookInfo, catch_unwind, set_hook};
use std::process::ExitCode;

/// The program that is handed out links musl, under whose own allocator `access list` takes more than twice as long.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    set_hook(Box::new(say_fault));
    let args: Vec<_> = std::env::args_os().collect();
    catch_unwind(|| kubegrant::run(&args, kubegrant::Env::real())).unwrap_or(ExitCode::FAILURE)
}

/// Says where a fault of ours is, and never its message: a value may stand in it.
fn say_fault(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, |place| {
        format!(" ({}:{})", place.file(), place.line())
    });
    // Where nobody listens there is nobody to tell.
    let _said = writeln!(
        std::io::stderr(),
        "error: this is a fault of kubegrant{place}\n\nhint: please report that line; `kubegrant \
         status` shows whether anything is pending"
    );
}
