//! Pipes are read to their end, within bounds, and nobody waits for ever without being told.

use std::cell::Cell;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode};

use super::*;
use crate::artifact::file::{read_given, read_given_private};

fn fifo() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("fifo");
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).expect("makes a FIFO");
    (home, path)
}

/// Waits for nobody, and says nothing.
fn hasty() -> Patience<'static> {
    Patience {
        nobody: Duration::from_millis(20),
        silence: Duration::ZERO,
        say: &|_| (),
        is_over: &|| false,
    }
}

#[test]
fn a_pipe_is_read_to_its_end_and_no_further() {
    let (_home, fifo) = fifo();
    assert!(matches!(
        read_given(&fifo, 9, &hasty()),
        Err(FileError::NobodyWrites { .. })
    ));
    // A writer that is slow to begin, and slow in between.
    let (path, patient) = (fifo.clone(), || Patience {
        nobody: Duration::from_mins(10),
        ..hasty()
    });
    let slow = std::thread::spawn(move || {
        let mut fifo = File::options().write(true).open(path).expect("a reader");
        for piece in [b"ab", b"cd"] {
            fifo.write_all(piece).expect("a reader");
            std::thread::sleep(Duration::from_millis(120));
        }
    });
    let read = read_given(&fifo, 9, &patient()).expect("what came");
    assert_eq!(read.as_slice(), b"abcd");
    slow.join().expect("it ends");
    // A pipe of a shell, whose writer has ended before anybody looked.
    for (bytes, fits) in [(vec![], true), (vec![7; 9], true), (vec![7; 10], false)] {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(&bytes).expect("room");
        drop(writer);
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        match read_given(&path, 9, &hasty()) {
            Ok(read) => assert_eq!((read.as_slice(), fits), (bytes.as_slice(), true)),
            Err(FileError::TooLarge { max: 9, .. }) => assert!(!fits),
            Err(error) => panic!("{error:?}"),
        }
        drop(reader);
    }
}

#[test]
fn waiting_for_a_pipe_is_said_and_given_up_on_request() {
    let (home, fifo) = fifo();
    let (said, looked) = (Cell::new(0), Cell::new(0));
    let patience = Patience {
        nobody: Duration::from_mins(10),
        silence: Duration::ZERO,
        say: &|text| {
            assert!(text.contains("fifo"), "{text}");
            said.set(said.get() + 1);
        },
        is_over: &|| {
            looked.set(looked.get() + 1);
            looked.get() > 3
        },
    };
    assert!(matches!(
        read_given(&fifo, 9, &patience),
        Err(FileError::Interrupted)
    ));
    assert_eq!(said.get(), 1, "once");
    // Private things come through private pipes.
    std::fs::set_permissions(&fifo, std::fs::Permissions::from_mode(0o644)).expect("ours");
    assert!(matches!(
        read_given_private(&fifo, 9, &hasty()),
        Err(FileError::TooOpen { .. })
    ));
    for path in [home.path(), Path::new("/dev/null"), Path::new("/dev/zero")] {
        assert!(matches!(
            read_given(path, 9, &hasty()),
            Err(FileError::NotRegular { .. })
        ));
    }
}
