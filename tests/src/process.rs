//! A child process under watch: what it printed, how it ended, and a limit after which a hang becomes a failed test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// No command of a test takes this long; one that does hangs.
const HANG_AFTER: Duration = Duration::from_secs(120);

/// What a finished command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code, or the negative signal number that ended it.
    pub code: i32,
    /// Everything written to stdout.
    pub stdout: String,
    /// Everything written to stderr.
    pub stderr: String,
    /// The command line, for messages.
    pub command: String,
}

impl Output {
    /// The one JSON object on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(self.stdout.trim()) {
            Ok(value) => value,
            Err(cause) => panic!("stdout is not one JSON value ({cause}): {self:?}"),
        }
    }

    /// JSON Lines on stdout.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| match serde_json::from_str(line) {
                Ok(value) => value,
                Err(cause) => panic!("{line:?} is not JSON ({cause}): {self:?}"),
            })
            .collect()
    }

    /// Passes the output on when the command ended with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "the command failed: {self:?}");
        self
    }

    /// Passes the output on when the command ended with `code` and said something on stderr.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "another exit code was due: {self:?}");
        assert!(
            !self.stderr.trim().is_empty(),
            "a failure without a word: {self:?}"
        );
        assert!(
            !self.stderr.contains("panicked"),
            "a failure is an answer, not a panic: {self:?}"
        );
        self
    }

    /// Everything it printed on either stream.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// A string field of a JSON object; an absent one fails the test.
#[track_caller]
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    match value.get(key).and_then(Value::as_str) {
        Some(found) => found,
        None => panic!("no text {key:?} in {value}"),
    }
}

/// A command that still runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout_lines: Option<BufReader<ChildStdout>>,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    command: String,
}

impl Running {
    /// Starts `command`, writes `stdin` to it and closes that.
    pub fn start(mut command: Command, stdin: &[u8]) -> Self {
        let mut running = Self::start_with_open_stdout(&mut command, stdin);
        running.collect_stdout();
        running
    }

    /// Starts `command` and leaves its stdout to [`Running::line`].
    pub fn start_with_open_stdout(command: &mut Command, stdin: &[u8]) -> Self {
        let mut running = Self::start_talking(command);
        running.say(stdin);
        running.stdin = None;
        running
    }

    /// Starts `command`, leaves its stdout to [`Running::line`] and its stdin to [`Running::say`].
    pub fn start_talking(command: &mut Command) -> Self {
        let words: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy())
            .collect();
        let name = words.join(" ");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|cause| panic!("{name} does not start: {cause}"));
        let stdin = child.stdin.take();
        let stdout_lines = child.stdout.take().map(BufReader::new);
        let stderr = child.stderr.take().map(read_all_in_background);
        Self {
            child,
            stdin,
            stdout_lines,
            stdout: None,
            stderr,
            command: name,
        }
    }

    /// Writes to its stdin.
    pub fn say(&mut self, bytes: &[u8]) {
        if let Some(pipe) = &mut self.stdin {
            // A command that ends without reading its stdin closes the pipe; that is its right.
            drop(pipe.write_all(bytes));
        }
    }

    /// The next line of stdout, without its end; `None` when the process closed it.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stdout_lines.as_mut()?.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// Collects the rest of stdout in the background, so that the process never waits for a reader.
    pub fn collect_stdout(&mut self) {
        if let Some(lines) = self.stdout_lines.take() {
            self.stdout = Some(read_all_in_background(lines));
        }
    }

    /// kill -9, now, and waits until it is gone (its sockets and locks with it).
    pub fn kill(&mut self) {
        // It may have ended by itself: just as dead.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Interrupts it (SIGINT), as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id is a positive i32");
        if let Err(cause) = rustix::process::kill_process(id, signal) {
            panic!("{} cannot be signalled: {cause}", self.command);
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// True until the process ended.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        self.stdin = None;
        self.wait_for_end()
    }

    /// Kills it (-9) once `delay` has passed, unless it ends before; either way waits for its end.
    pub fn finish_or_kill_after(mut self, delay: Duration) -> Output {
        let status = self.wait(delay).unwrap_or_else(|| {
            self.kill();
            self.child
                .wait()
                .expect("the child is ours and its status is kept")
        });
        self.output(status)
    }

    /// Waits for the end of a process that was told to stop and stays owned (a server that will be restarted).
    #[track_caller]
    pub fn wait_for_end(&mut self) -> Output {
        self.collect_stdout();
        let Some(status) = self.wait(HANG_AFTER) else {
            self.kill();
            panic!(
                "{} does not stop; stderr so far: {}",
                self.command,
                join(self.stderr.take())
            )
        };
        self.output(status)
    }

    /// Waits at most `limit` for the end: stderr's end tells it without polling.
    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let (sender, ended) = mpsc::channel();
        let stderr = self.stderr.take();
        self.stderr = Some(std::thread::spawn(move || {
            let said = join(stderr);
            // After a kill nobody waits for this any more.
            sender.send(()).unwrap_or_default();
            said
        }));
        if timed_out(&ended, limit) {
            return None;
        }
        Some(self.child.wait().expect("the child is ours"))
    }

    fn output(&mut self, status: ExitStatus) -> Output {
        use std::os::unix::process::ExitStatusExt;
        let code = status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0));
        Output {
            code,
            stdout: join(self.stdout.take()),
            stderr: join(self.stderr.take()),
            command: self.command.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn timed_out(ended: &Receiver<()>, limit: Duration) -> bool {
    ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout)
}

fn read_all_in_background(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A killed process breaks the pipe; what came before counts.
        drop(pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join(reader: Option<JoinHandle<String>>) -> String {
    reader
        .map(|thread| thread.join().unwrap_or_default())
        .unwrap_or_default()
}
