//! Whether a thread or a process has nothing to do, as the kernel knows it.

use std::path::Path;

/// Whether a thread, by its folder in `/proc`, waits for something from outside. One that could run
/// and is kept from it by others does not.
pub(crate) fn is_thread_asleep(folder: &Path) -> bool {
    let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
    // The name in parentheses may hold anything.
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.starts_with('S')
}

/// Whether every thread of a process waits for something from outside; not so if it has ended.
pub fn is_asleep(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let mut threads = threads.into_iter().flatten().flatten().peekable();
    threads.peek().is_some() && threads.all(|thread| is_thread_asleep(&thread.path()))
}
