//! Shells of people at other machines: each lives as long as somebody says that it does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::Response;
use tokio::sync::watch;

use super::api::Caller;
use super::{Call, ServerState, respond};
use crate::api::{Answer, ShellEnded, ShellLives, ShellNamed};
use crate::domain::text::hex;
use crate::domain::user::UserId;
use crate::env::Sitting;

/// How long nobody has to say that a shell is still in use.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long an answer is kept for whoever did not hear it.
const KEPT: Duration = Duration::from_mins(5);
/// How long whoever ends a shell waits for its end.
const END_MAX: Duration = Duration::from_mins(2);
/// How many shells somebody has at once, and everybody together: each is a thread.
const OWN_MAX: usize = 4;
const ALL_MAX: usize = 64;

/// The shells that live, and those that ended a while ago.
#[derive(Default)]
pub(super) struct Shells {
    all: Mutex<HashMap<String, Shell>>,
    /// Whether the server stops: it begins none any more.
    is_over: AtomicBool,
}

struct Shell {
    user: UserId,
    sitting: Sitting,
    answer: watch::Receiver<Option<Arc<Answer>>>,
    /// When somebody spoke for it last; nothing before it has begun, as nobody knows of it.
    asked_for_at: Option<Instant>,
}

impl Shell {
    fn lives(&self) -> bool {
        // Where its thread is gone without a word it is over, too.
        self.answer.borrow().is_none() && self.answer.has_changed().is_ok()
    }
}

impl Shells {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Shell>) -> T) -> T {
        work(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one more in, if there is room for it.
    fn take(&self, id: &str, shell: Shell) -> bool {
        self.with(|all| {
            let living = all.values().filter(|it| it.lives());
            let own = living.clone().filter(|it| it.user == shell.user);
            let has_room = own.count() < OWN_MAX && living.count() < ALL_MAX;
            let is_taken = has_room && !self.is_over.load(Ordering::Relaxed);
            if is_taken {
                all.insert(id.to_owned(), shell);
            }
            is_taken
        })
    }

    /// Ends all that live, and waits for their ends.
    pub(super) async fn end_all(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let all = self.with(|all| {
            let all = all.values().map(|it| {
                it.sitting.end();
                it.answer.clone()
            });
            all.collect::<Vec<_>>()
        });
        for mut answer in all {
            // Its command ends, or was never begun.
            let _over = answer.wait_for(Option::is_some).await;
        }
    }
}

fn none() -> Response<Body> {
    respond::refusal(404, "there is no such shell", "")
}

impl ServerState {
    /// Begins a shell for somebody; the answer is given when it has begun, or when it does not.
    pub(super) async fn begin_shell(
        self: &Arc<Self>,
        mut call: Call,
        caller: &Caller,
    ) -> Option<Answer> {
        let (sitting, id) = (Sitting::default(), hex(&self.app.random::<16>()));
        call.sitting = Some(sitting.clone());
        let (told, mut answer) = watch::channel(None);
        let shell = Shell {
            user: caller.user.id,
            sitting: sitting.clone(),
            answer: answer.clone(),
            asked_for_at: None,
        };
        if !self.shells.take(&id, shell) {
            return Some(Answer {
                exit: 5,
                stdout: String::new(),
                stderr: "error: you have too many shells here at once\n\nhint: end one first\n"
                    .to_owned(),
                file: String::new(),
                question: None,
            });
        }
        (self.log)(&format!("{}: shell: begins", call.user));
        let server = Arc::clone(self);
        let user = call.user.clone();
        // Not one of the threads that wait for the store: it lives for hours.
        let thread = std::thread::Builder::new().name("shell".to_owned());
        let spawned = thread.spawn(move || {
            let done = (server.run)(&server.host, &call);
            (server.log)(&format!("{user}: shell: exit {}", done.exit));
            // Whoever asked may have left.
            let _heard_or_not = told.send(Some(Arc::new(done)));
        });
        if spawned.is_err() {
            self.shells.with(|all| all.remove(&id));
            return None;
        }
        tokio::spawn(watch_over(Arc::clone(self), id.clone()));
        let mut asker = Asker(Some(sitting.clone()));
        let over = async {
            let answer = answer.wait_for(Option::is_some).await.ok()?;
            answer.clone()
        };
        tokio::select! {
            biased;
            said = sitting.begun() => {
                self.shells.with(|all| {
                    if let Some(shell) = all.get_mut(&id) {
                        shell.asked_for_at = Some(Instant::now());
                    }
                });
                asker.0 = None;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Some(Answer {
                    exit: 0,
                    stdout: serde_json::to_string(&ShellNamed { id }).unwrap_or_default(),
                    stderr: text(&said.take_stderr()),
                    file: text(&said.take_handed()),
                    question: None,
                })
            }
            answer = over => {
                asker.0 = None;
                self.shells.with(|all| all.remove(&id));
                let answer = answer?;
                Some(Answer {
                    exit: answer.exit,
                    stdout: answer.stdout.clone(),
                    stderr: answer.stderr.clone(),
                    file: String::new(),
                    question: answer.question.clone(),
                })
            }
        }
    }
}

/// Ends a shell whose asker leaves before they hear of it.
struct Asker(Option<Sitting>);

impl Drop for Asker {
    fn drop(&mut self) {
        if let Some(sitting) = &self.0 {
            sitting.end();
        }
    }
}

/// Ends a shell that nobody speaks for, and forgets one that ended.
async fn watch_over(server: Arc<ServerState>, id: String) {
    loop {
        tokio::time::sleep(LOOK).await;
        let is_known = server.shells.with(|all| {
            let Some(shell) = all.get(&id) else {
                return false;
            };
            let silence = shell
                .asked_for_at
                .map(|at| at.elapsed())
                .unwrap_or_default();
            let is_nobodys = shell.asked_for_at.is_none();
            if !shell.lives() && (is_nobodys || silence > KEPT) {
                all.remove(&id);
                return false;
            }
            if silence > SILENCE_MAX {
                shell.sitting.end();
            }
            true
        });
        if !is_known {
            return;
        }
    }
}

/// Hears that a shell is still in use; says whether it lives.
pub(super) async fn here(
    State(server): State<Arc<ServerState>>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ShellNamed>, JsonRejection>,
) -> Response<Body> {
    let Ok(Json(named)) = body else {
        return respond::refusal(400, "this names no shell", "");
    };
    let lives = server.shells.with(|all| {
        let shell = all.get_mut(&named.id);
        let shell = shell.filter(|it| it.user == caller.user.id)?;
        shell.asked_for_at = Some(Instant::now());
        Some(shell.lives())
    });
    match lives {
        Some(lives) => respond::document(200, &ShellLives { lives }),
        None => none(),
    }
}

/// Ends a shell, and says how.
pub(super) async fn end(
    State(server): State<Arc<ServerState>>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<ShellNamed>, JsonRejection>,
) -> Response<Body> {
    let Ok(Json(named)) = body else {
        return respond::refusal(400, "this names no shell", "");
    };
    let found = server.shells.with(|all| {
        let shell = all.get(&named.id);
        let shell = shell.filter(|it| it.user == caller.user.id)?;
        shell.sitting.end();
        Some(shell.answer.clone())
    });
    let Some(mut answer) = found else {
        return none();
    };
    let over = tokio::time::timeout(END_MAX, answer.wait_for(Option::is_some)).await;
    let answer = over.ok().and_then(Result::ok).and_then(|it| it.clone());
    match answer {
        Some(answer) => {
            server.shells.with(|all| all.remove(&named.id));
            let ended = ShellEnded {
                exit: answer.exit,
                words: answer.stderr.clone(),
            };
            respond::document(200, &ended)
        }
        None => respond::refusal(
            202,
            "its end takes longer",
            "run `kubegrant status` in a while",
        ),
    }
}
