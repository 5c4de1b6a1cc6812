//! What `ssh` is told, whatever its configuration says.

/// Options of every exchange; what they leave open, the user's configuration decides.
pub(super) const OPTIONS: &[&str] = &[
    // Several nodes are asked at once: nobody could tell the questions apart.
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ConnectionAttempts=1",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    // The words that tell one failure from another, and no banners.
    "LogLevel=ERROR",
    // A master made here would stay behind with our pipes in its hands.
    "ControlMaster=no",
    "ControlPersist=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    // It would ask on the terminal whether new host keys are to be kept.
    "UpdateHostKeys=no",
];

/// Options that OpenSSH has since 8.7: an older one knows neither them nor what they undo.
pub(super) const NEWER_OPTIONS: &[&str] = &[
    "SessionType=default",
    "StdinNull=no",
    "ForkAfterAuthentication=no",
];
pub(super) const NEWER_SINCE: (u32, u32) = (8, 7);
/// Options of a proof: one key, one method, one connection of its own.
pub(super) const PROOF_OPTIONS: &[&str] = &[
    "IdentitiesOnly=yes",
    "PreferredAuthentications=publickey",
    "PubkeyAuthentication=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "HostbasedAuthentication=no",
    "GSSAPIAuthentication=no",
    "ControlPath=none",
    "AddKeysToAgent=no",
    "PKCS11Provider=none",
];
