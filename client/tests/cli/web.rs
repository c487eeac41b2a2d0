//! `web`: who is let in, and a sitting over real HTTP. What a person sees is tried in a browser.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

use serde_json::{Value, json};

use crate::world::{World, start};

/// The page of a world, served by the real command.
struct Page {
    child: Child,
    host: String,
    token: String,
    cookie: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn open(world: &World) -> Self {
        let mut child = start(&mut world.command(&["web", "--no-open"]));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("what the page says"))
            .read_line(&mut line)
            .expect("what the page says");
        let rest = line.trim().strip_prefix("http://").expect("an address");
        let (host, token) = rest.split_once("/?token=").expect("a token");
        let mut page = Self {
            child,
            host: host.to_owned(),
            token: token.to_owned(),
            cookie: String::new(),
        };
        let launch = page.ask("GET", &format!("/?token={}", page.token), &[], "");
        assert_eq!(launch.status, 303);
        let cookie = launch
            .head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .expect("a cookie");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        page.cookie = cookie
            .split(';')
            .next()
            .expect("what the page says")
            .to_owned();
        page
    }

    /// A request with these headers and no others.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).expect("what the page says");
        let host = ("Host", self.host.as_str());
        let named = headers.iter().any(|(name, _)| *name == "Host");
        let all = (!named).then_some(&host).into_iter().chain(headers);
        let lines: String = all
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("what the page says");
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .expect("what the page says");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .expect("what the page says")
                .parse()
                .expect("what the page says"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Cookie", &self.cookie)], "")
    }

    /// As the page itself asks.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", &origin),
            ("Content-Type", "application/json"),
        ];
        let answer = self.ask("POST", path, &headers, &body.to_string());
        (
            answer.status,
            serde_json::from_str(&answer.body).unwrap_or_default(),
        )
    }
}

/// Method, path, headers, and the status that is due.
type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], u16);

#[test]
fn only_the_browser_that_was_opened_with_the_token_is_let_in() {
    let world = World::new();
    world.deck("Capitals");
    let page = Page::open(&world);
    let cookie = ("Cookie", page.cookie.as_str());
    let own = format!("http://{}", page.host);
    let table: [Case<'_>; 10] = [
        ("GET", "/", &[cookie], 200),
        ("GET", "/api/decks", &[cookie], 200),
        ("GET", "/", &[], 401),
        ("GET", "/api/decks", &[("Cookie", "memoryvault=0000")], 401),
        ("GET", "/?token=0000", &[], 401),
        (
            "GET",
            "/api/decks",
            &[cookie, ("Host", "evil.example")],
            421,
        ),
        (
            "GET",
            "/api/decks",
            &[cookie, ("Origin", "https://evil.example")],
            403,
        ),
        ("POST", "/api/study", &[cookie], 403),
        ("POST", "/api/study", &[cookie, ("Origin", "null")], 403),
        ("POST", "/api/study", &[("Origin", &own)], 401),
    ];
    for (method, path, headers, status) in table {
        let answer = page.ask(method, path, headers, "{}");
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        for held in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-frame-options: DENY",
            "x-content-type-options: nosniff",
        ] {
            assert!(answer.head.contains(held), "{path}: {}", answer.head);
        }
        assert!(
            !answer.head.contains("access-control-allow"),
            "{}",
            answer.head
        );
    }
}

#[test]
fn an_answer_counts_once_and_is_there_after_a_kill() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "<script>x</script> **Peru**?", "Lima");
    world.card(&deck, "Chad?", "N'Djamena");
    let page = Page::open(&world);
    let (status, begun) = page.post("/api/study", &json!({ "decks": [deck] }));
    assert_eq!(status, 200, "{begun}");
    assert_eq!(begun["counts"]["new"], 2);
    assert_eq!(begun["previews"][2]["grade"], "good");
    let card = begun["card"]["id"].clone();
    let answer = json!({ "request": "one", "card": card, "grade": 3, "response_ms": 900 });
    let (_, first) = page.post("/api/study/answer", &answer);
    let (_, again) = page.post("/api/study/answer", &answer);
    assert_eq!(first, again);
    let (status, other) = page.post(
        "/api/study/answer",
        &json!({ "request": "two", "card": card, "grade": 3 }),
    );
    assert_eq!((status, &other["error"]["code"]), (409, &json!("went_on")));
    let fronts = format!("{}{}", begun["front"], first["front"]);
    assert!(!fronts.contains("<script"), "{fronts}");
    let (status, _) = page.post("/api/study/nosuch", &json!({ "card": card }));
    assert_eq!(status, 404);
    // Killed in the middle of the sitting.
    drop(page);
    assert_eq!(world.json(&["status"])["events"], 1);
    let page = Page::open(&world);
    assert_eq!(
        page.get("/api/study").body,
        "null",
        "no sitting is under way"
    );
    let (_, begun) = page.post("/api/study", &json!({}));
    assert_eq!(begun["counts"]["new"], 1);
    let (_, buried) = page.post("/api/study/bury", &json!({ "card": begun["card"]["id"] }));
    assert_eq!(buried["card"], Value::Null);
    let (_, undone) = page.post("/api/study/undo", &json!({ "card": begun["card"]["id"] }));
    assert_eq!(undone["card"]["id"], begun["card"]["id"]);
    // Other commands work meanwhile.
    assert_eq!(world.json(&["status"])["cards"], 2);
}
