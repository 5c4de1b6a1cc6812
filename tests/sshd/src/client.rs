//! The client's side: an `ssh` that reads the test's configuration and nobody else's.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::Node;

/// A folder with `bin/ssh`, `config`, `known_hosts` and the administrator's key.
pub(crate) struct Client {
    folder: PathBuf,
}

impl Client {
    pub(crate) fn new(folder: PathBuf, ssh: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder.join("bin"))?;
        let client = Self { folder };
        crate::make_key(&client.key(), "ed25519", None)?;
        let wrapper = client.bin().join("ssh");
        let config = client.folder.join("config");
        let text = format!(
            "#!/bin/sh\nexec '{}' -F '{}' \"$@\"\n",
            ssh.display(),
            config.display()
        );
        crate::write(&wrapper, &text)?;
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))?;
        client.write_config("", true)?;
        Ok(client)
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("admin")
    }

    pub(crate) fn public_line(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.key().with_extension("pub"))?;
        Ok(text.trim().to_owned())
    }

    pub(crate) fn configure(&self, lines: &str) -> Result<()> {
        self.write_config(lines, true)
    }

    pub(crate) fn without_key(&self) -> Result<()> {
        self.write_config("", false)
    }

    fn write_config(&self, first: &str, key: bool) -> Result<()> {
        let file = if key { self.key() } else { "none".into() };
        let known = self.folder.join("known_hosts");
        let text = format!(
            "{first}\nHost *\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  \
             IdentityFile {}\n  IdentityAgent none\n",
            known.display(),
            file.display(),
        );
        crate::write(&self.folder.join("config"), &text)
    }

    /// Knows exactly these nodes.
    pub(crate) fn know<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Result<()> {
        let lines = nodes.into_iter().map(|node| line(node, node));
        let text = lines.collect::<Result<String>>()?;
        crate::write(&self.folder.join("known_hosts"), &text)
    }

    /// Knows one node by the key of another.
    pub(crate) fn mistake(&self, node: &Node, other: &Node) -> Result<()> {
        crate::write(&self.folder.join("known_hosts"), &line(node, other)?)
    }
}

fn line(node: &Node, shown: &Node) -> Result<String> {
    Ok(format!(
        "[127.0.0.1]:{} {}\n",
        node.port(),
        shown.host_key()?
    ))
}
