use super::*;

const ANN: Owner = Owner([1; 16]);
const EVE: Owner = Owner([2; 16]);
const BOB: Owner = Owner([3; 16]);

/// Takes jobs, each its own number of rows, until nothing waits; `|` where a flush was due.
fn order(turns: &mut Turns<usize>) -> Vec<String> {
    let mut order = Vec::new();
    loop {
        if turns.is_flush_due() {
            turns.flushed();
            order.push("|".to_owned());
        }
        let Some((Owner([name, ..]), rows)) = turns.next() else {
            return order;
        };
        turns.wrote(Owner([name; 16]), rows);
        order.push(format!("{name}:{rows}"));
    }
}

#[test]
fn one_alone_is_never_flushed_for_the_sake_of_others() {
    let mut turns = Turns::new(10);
    (0..50).for_each(|_| turns.push(EVE, 7));
    assert_eq!(order(&mut turns), vec!["2:7"; 50]);
}

#[test]
fn who_comes_late_waits_for_one_turn_and_a_flush_follows() {
    let mut turns = Turns::new(10);
    (0..6).for_each(|_| turns.push(EVE, 10));
    for _ in 0..2 {
        assert_eq!(turns.next(), Some((EVE, 10)));
        turns.wrote(EVE, 10);
    }
    turns.push(ANN, 1);
    assert!(!turns.is_flush_due(), "nobody but EVE has written");
    let expected = ["1:1", "|", "2:10", "2:10", "2:10", "2:10"];
    assert_eq!(order(&mut turns), expected);
}

#[test]
fn a_turn_is_so_many_rows_in_however_many_jobs() {
    let mut turns = Turns::new(10);
    (0..12).for_each(|_| turns.push(EVE, 4));
    (0..2).for_each(|_| turns.push(ANN, 25));
    (0..2).for_each(|_| turns.push(BOB, 0));
    let expected = [
        "2:4", "2:4", "2:4", "1:25", "3:0", "3:0", "|", "2:4", "2:4", "2:4", "1:25", "|", "2:4",
        "2:4", "2:4", "2:4", "2:4", "2:4",
    ];
    assert_eq!(order(&mut turns), expected);
}

#[test]
fn small_commits_of_many_share_their_flushes_however_long_it_goes_on() {
    let mut turns = Turns::new(10);
    for _ in 0..20 {
        for owner in [EVE, ANN, BOB, EVE, ANN, BOB] {
            turns.push(owner, 3);
        }
        assert_eq!(
            order(&mut turns),
            ["2:3", "2:3", "1:3", "1:3", "3:3", "3:3"]
        );
        turns.flushed();
    }
}

/// Any jobs in any order of arrival: an owner's stay in order, none is lost, and while an owner waits every other has at most
/// the turn under way and one more before it.
#[test]
fn nobody_waits_for_more_than_a_turn_of_each_other() {
    const TURN: usize = 10;
    const LARGEST: usize = 14;
    for seed in 1..500_u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut throw = |end: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            usize::try_from(dice % end as u64).unwrap()
        };
        let mut turns = Turns::new(TURN);
        let mut waiting = BTreeMap::<Owner, VecDeque<(usize, usize)>>::new();
        // For each who waits, what each other has written since it began to.
        let mut passed = BTreeMap::<(Owner, Owner), usize>::new();
        let owners = [ANN, EVE, BOB];
        for number in 0..600 {
            if number < 400 && throw(5) < 3 {
                let owner = owners[throw(3).min(throw(3))];
                let rows = throw(LARGEST + 1);
                let jobs = waiting.entry(owner).or_default();
                if jobs.is_empty() {
                    passed.retain(|(who, _), _| *who != owner);
                }
                jobs.push_back((number, rows));
                turns.push(owner, (number, rows));
                continue;
            }
            if turns.is_flush_due() {
                turns.flushed();
            }
            let Some((owner, job)) = turns.next() else {
                assert!(
                    waiting.values().all(VecDeque::is_empty),
                    "lost, seed {seed}"
                );
                continue;
            };
            assert_eq!(
                waiting.get_mut(&owner).unwrap().pop_front(),
                Some(job),
                "seed {seed}"
            );
            turns.wrote(owner, job.1);
            passed.retain(|(who, _), _| *who != owner);
            for (other, jobs) in waiting
                .iter()
                .filter(|(other, jobs)| **other != owner && !jobs.is_empty())
            {
                let rows = passed.entry((*other, owner)).or_default();
                *rows += job.1;
                let bound = 2 * (TURN + LARGEST);
                assert!(
                    *rows <= bound,
                    "{} jobs wait for {rows} rows, seed {seed}",
                    jobs.len()
                );
            }
        }
    }
}
