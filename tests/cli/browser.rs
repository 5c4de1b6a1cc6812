//! A real browser that looks at the page: headless Chromium and its driver, where they are.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::Home;
use crate::server::Server;

/// How an element is named in the driver's answers (`W3C WebDriver`, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How often something is waited for, each time a twentieth of a second.
const TRIES: usize = 1_200;

/// A browser that somebody sits at, with the folder that it saves files in.
pub(crate) struct Browser {
    port: u16,
    /// The path of its session at the driver.
    session: String,
    driver: Child,
    files: PathBuf,
}

/// How somebody looks at a page.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    scheme: &'static str,
    width: u32,
    height: u32,
}

impl Look {
    /// On a light ground, in a window of so many pixels.
    pub(crate) const fn light(width: u32) -> Look {
        Look::of("light", width)
    }

    /// On a dark one.
    pub(crate) const fn dark(width: u32) -> Look {
        Look::of("dark", width)
    }

    const fn of(scheme: &'static str, width: u32) -> Look {
        Look {
            scheme,
            width,
            height: 1000,
        }
    }

    /// The same in a window of another height.
    pub(crate) fn of_height(self, height: u32) -> Look {
        Look { height, ..self }
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.scheme, self.width)
    }
}

/// Whether there is a browser to try the page in; says so where there is none.
pub(crate) fn has_browser() -> bool {
    let is_there = |name: &str| {
        let asked = Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    let found = is_there("chromedriver") && is_there("chromium");
    if !found {
        crate::say("web: there is no chromium with chromedriver: nobody looked at the page");
    }
    found
}

impl Browser {
    pub(crate) fn open(kg: &Home, who: &str) -> Browser {
        let files = kg.root().join(format!("downloads-{who}"));
        std::fs::create_dir_all(&files).expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let capabilities = json!({
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {
                // As root in a container there is no other sandbox to be had.
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000"],
                "prefs": {"download.default_directory": files, "download.prompt_for_download": false},
            },
        });
        let mut browser = Browser {
            port,
            session: String::new(),
            driver,
            files,
        };
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        // The driver needs a moment; whether it ever comes is for whoever waits to say.
        let begun = loop {
            match browser.send("POST", "/session", &wanted) {
                Some(begun) => break begun,
                None => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let id = begun["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{begun}"));
        browser.session = format!("/session/{id}");
        browser
    }

    /// Asks the driver, and gives its answer's value.
    fn send(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
        // It keeps the connection, whatever it is asked.
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let answer: Value = serde_json::from_slice(&body).ok()?;
        Some(answer["value"].clone())
    }

    /// The same about the page that is open.
    pub(crate) fn ask(&self, path: &str, body: &Value) -> Value {
        let method = if body.is_null() { "GET" } else { "POST" };
        let answer = self.send(method, &format!("{}{path}", self.session), body);
        answer.unwrap_or_else(|| panic!("the driver does not answer {path}"))
    }

    /// The elements of a path.
    fn find(&self, path: &str) -> Vec<String> {
        let found = self.ask("/elements", &json!({"using": "xpath", "value": path}));
        let found = found.as_array().cloned().unwrap_or_default();
        let id = |it: &Value| it[ELEMENT].as_str().map(str::to_owned);
        found.iter().filter_map(id).collect()
    }

    /// Comes in with the address that `login --browser` shows.
    pub(crate) fn enter(kg: &mut Home, server: &Server, who: &str) -> Browser {
        let far = server.log_in(kg, who);
        let line = format!("login {} --browser -o json", server.url);
        let page = Server::run(kg, &far, &line).json()["page"].clone();
        let browser = Browser::open(kg, who);
        browser.go(page.as_str().expect("an address"));
        browser.wait_for("//h1[text()='My clusters']");
        browser
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("/url", &json!({"url": url}));
        self.is_clean();
    }

    /// Looks at the page in this way from now on.
    pub(crate) fn look(&self, look: Look) {
        let scheme =
            json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        let window = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false,
        });
        for (command, params) in [
            ("Emulation.setEmulatedMedia", scheme),
            ("Emulation.setDeviceMetricsOverride", window),
        ] {
            let asked = json!({ "cmd": command, "params": params });
            let said = self.ask("/goog/cdp/execute", &asked);
            assert_eq!(said, json!({}), "{command}");
        }
    }

    pub(crate) fn wait_for(&self, path: &str) -> String {
        for _ in 0..TRIES {
            if let Some(found) = self.find(path).pop() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("there is no {path}: {}", self.text());
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        !self.find(path).is_empty()
    }

    pub(crate) fn click(&self, path: &str) {
        let element = self.wait_for(path);
        let clicked = self.ask(&format!("/element/{element}/click"), &json!({}));
        assert!(clicked.is_null(), "{path}: {clicked}");
    }

    pub(crate) fn text(&self) -> String {
        let body = self.find("//body").pop().expect("a page");
        let text = self.ask(&format!("/element/{body}/text"), &Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// A file that was saved, when it is whole.
    pub(crate) fn saved(&self, name: &str) -> Vec<u8> {
        let path = self.files.join(name);
        for _ in 0..TRIES {
            if let Ok(bytes) = std::fs::read(&path)
                && bytes.ends_with(b"\n")
            {
                return bytes;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{name} was not saved: {}", self.text());
    }

    /// Whether the page breaks none of its own rules, and can be used by everybody: each field has a name, and
    /// the page one heading.
    pub(crate) fn is_clean(&self) {
        let script = "const done = arguments[arguments.length - 1];
            const bad = [];
            for (const field of document.querySelectorAll('input:not([type=hidden]), select'))
                if (field.labels.length === 0) bad.push('no label: ' + field.name);
            if (document.querySelectorAll('h1').length !== 1) bad.push('not one h1');
            if (!document.documentElement.lang) bad.push('no language');
            for (const section of document.querySelectorAll('section[aria-labelledby]'))
                if (!document.getElementById(section.getAttribute('aria-labelledby'))) bad.push('no name');
            new ReportingObserver(all => all.forEach(it => bad.push(it.body.blockedURL)),
                {types: ['csp-violation'], buffered: true}).observe();
            setTimeout(() => done(bad), 50);";
        let found = self.ask("/execute/async", &json!({"script": script, "args": []}));
        assert_eq!(found, json!([]), "{}", self.text());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _closed = self.send("DELETE", &self.session, &Value::Null);
        let _killed = self.driver.kill();
        let _waited = self.driver.wait();
    }
}
