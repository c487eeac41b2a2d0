//! kill -9 of client and server at random moments of edits and syncs: nothing that was acknowledged may be missing afterwards.
//!
//! A round: on each of two devices a few random commands run, while the server or one of the commands is killed at a random moment. A command that ended with 0 is
//! acknowledged and goes into the model; one that was killed may or may not have happened. Then the server is up again, both devices sync, and the model is asked. The moment
//! of a kill is random in time; no assertion is.
//!
//! `MEMORYVAULT_CRASH_ROUNDS` (default 6) and `MEMORYVAULT_CRASH_SEED` (default: of the clock) choose how long and which. `just crash` runs 200.

mod model;
mod work;

use std::sync::mpsc;
use std::time::Instant;

use tests::{Device, Server, settle};

use crate::dice::{Dice, from_environment, seed_of_the_clock};

use model::Model;
use work::{Deed, Pace, Step, Victim};

/// A fresh world after so many rounds, so that one bad state is not dragged along for hours.
const ROUNDS_A_WORLD: u64 = 25;

/// What the pace calls all the work of a round.
const WORK: &str = "work of a round";

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let rounds = from_environment("MEMORYVAULT_CRASH_ROUNDS").unwrap_or(6);
    let seed = from_environment("MEMORYVAULT_CRASH_SEED").unwrap_or_else(seed_of_the_clock);
    println!("crash: {rounds} rounds, MEMORYVAULT_CRASH_SEED={seed}");
    let mut tally = Tally::default();
    let mut world = World::new();
    for round in 0..rounds {
        if round > 0 && round % ROUNDS_A_WORLD == 0 {
            world = World::new();
        }
        let mut dice = Dice::new(seed.wrapping_add(round));
        world.round(&mut dice, round, &mut tally);
    }
    println!(
        "crash: {rounds} rounds, {} commands killed, {} syncs cut by the server's death, nothing lost",
        tally.killed, tally.cut
    );
    assert!(
        rounds < 20 || (tally.killed > 0 && tally.cut > 0),
        "no kill ever hit a command: the delays are wrong"
    );
}

struct World {
    server: Server,
    devices: [Device; 2],
    deck: String,
    model: Model,
}

/// What happened over all worlds.
#[derive(Debug, Default)]
struct Tally {
    killed: u64,
    cut: u64,
    pace: Pace,
}

impl World {
    fn new() -> Self {
        let server = Server::new();
        let devices = [Device::new("phone"), Device::new("laptop")];
        devices[0].register(&server.url(), "ada");
        devices[1].login(&server.url(), "ada");
        let deck = devices[0].add_deck("Crash");
        let mut model = Model::default();
        for n in 0..4 {
            let (front, back) = (format!("front {n}"), format!("back {n}"));
            model.added(
                devices[0].add_card(&deck, &front, &back),
                &front,
                &back,
                None,
            );
        }
        settle(&[&devices[0], &devices[1]]);
        Self {
            server,
            devices,
            deck,
            model,
        }
    }

    fn round(&mut self, dice: &mut Dice, round: u64, tally: &mut Tally) {
        let victim = Victim::roll(dice);
        let plans = [0, 1].map(|device| work::plan(dice, &self.model, device, round));
        println!("crash: round {round}, {victim:?}");
        let start = Instant::now();
        for step in self.work(plans, victim, &tally.pace) {
            tally.killed += u64::from(step.code < 0);
            tally.cut += u64::from(step.code == 7);
            if step.code == 0 {
                tally.pace.learn(step.deed.kind(), step.took);
            }
            self.model.take(step);
        }
        tally.pace.learn(WORK, start.elapsed());
        for device in &self.devices {
            device.run(&["verify"]).ok();
        }
        settle(&[&self.devices[0], &self.devices[1]]);
        for device in &self.devices {
            device.verify_clean();
            self.model.check(device);
        }
        // Killed or not, a second look agrees: nothing was left half done for later.
        assert!(self.server.is_alive(), "the server outlives its clients");
    }

    /// Both devices at once, and the killing.
    fn work(&mut self, plans: [Vec<Deed>; 2], victim: Victim, pace: &Pace) -> Vec<Step> {
        let (server, devices, deck) = (&mut self.server, &self.devices, self.deck.as_str());
        let done = std::thread::scope(|scope| {
            let (sender, ended) = mpsc::channel();
            let threads: Vec<_> = plans
                .into_iter()
                .zip(devices)
                .enumerate()
                .map(|(at, (plan, device))| {
                    let sender = sender.clone();
                    scope.spawn(move || {
                        let steps = work::run(device, deck, plan, victim.of_device(at), pace);
                        // Nobody listens when it is not the server that is killed.
                        sender.send(()).unwrap_or_default();
                        steps
                    })
                })
                .collect();
            if let Victim::Server { part } = victim {
                work::wait(pace.moment(WORK, part), threads.len(), &ended);
                server.kill();
            }
            let steps = threads
                .into_iter()
                .map(|thread| thread.join().expect("a device's commands ran"));
            steps.flatten().collect()
        });
        if matches!(victim, Victim::Server { .. }) {
            server.restart();
        }
        done
    }
}
