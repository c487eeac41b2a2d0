//! Mutations of changes: of their operations, of their columns' bytes, of their numbers, of anything. The checksum is made
//! right again, and mostly the head too, so that the change continues the document it is tried on; else nothing would get
//! past the first checks and the later ones would never be tried.

use domain::{ActorId, ChangeHash};

use crate::chunk::{self, Parts};
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::ops::{self, Key, Name, Op};

/// A change made from `honest`, to be tried on the document of `ledger`.
pub fn mutate(honest: &[u8], ledger: &Ledger, dice: &mut Dice) -> Vec<u8> {
    let Some(mut parts) = Parts::of(honest) else {
        return chunk::seal(&flipped(honest, dice));
    };
    let read = ops::read(&parts);
    match (dice.below(20), read) {
        (0, _) => return chunk::seal(&flipped(chunk::body(honest).unwrap_or(honest), dice)),
        (1, _) => return shape(flipped(honest, dice), dice),
        (2..=3, _) => mutate_columns(&mut parts, dice),
        (4, _) => mutate_head(&mut parts, dice),
        (5, ops) => fit(&mut parts, ops, ledger, dice),
        (_, None) => mutate_columns(&mut parts, dice),
        (_, Some(mut ops)) => {
            for _ in 0..1 + dice.below(4) {
                mutate_ops(&mut ops, dice);
            }
            fit(&mut parts, Some(ops), ledger, dice);
        }
    }
    if dice.one_in(12) {
        mutate_head(&mut parts, dice);
    }
    shape(parts.chunk(), dice)
}

/// Now and then the deflated form.
fn shape(chunk: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    if dice.one_in(20) {
        chunk::deflate(&chunk).unwrap_or(chunk)
    } else {
        chunk
    }
}

/// Some bytes changed, put in, or taken out.
pub fn flipped(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + dice.below(4) {
        let at = dice.index(bytes.len());
        let [any, ..] = dice.roll().to_le_bytes();
        match (dice.below(6), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte = any,
            (1, Some(byte)) => *byte ^= 1 << (any % 8),
            (2, Some(byte)) => *byte = byte.wrapping_add(1),
            (3, Some(byte)) => *byte = byte.wrapping_sub(1),
            (4, Some(_)) => drop(bytes.remove(at)),
            _ => bytes.insert(at, any),
        }
    }
    bytes
}

fn mutate_columns(parts: &mut Parts, dice: &mut Dice) {
    let numbers: Vec<u64> = parts.columns.keys().copied().collect();
    let Some(number) = dice.pick(&numbers) else {
        return;
    };
    match dice.below(10) {
        0 => drop(parts.columns.remove(number)),
        1 => drop(
            parts
                .columns
                .insert(dice.below(0x100), dice.bytes::<3>().to_vec()),
        ),
        _ => {
            let column = parts
                .columns
                .get(number)
                .map(|column| flipped(column, dice));
            parts.columns.insert(*number, column.unwrap_or_default());
        }
    }
}

fn mutate_head(parts: &mut Parts, dice: &mut Dice) {
    match dice.below(9) {
        0 => parts.seq = dice.odd_number(),
        1 => parts.start_op = dice.odd_number(),
        2 => parts.start_op = parts.start_op.wrapping_add(dice.below(5)),
        3 => parts.time_s = dice.odd_number().cast_signed(),
        4 => parts.message = vec![b'm'; dice.index(6_000)],
        5 => parts.deps.push(dice.bytes()),
        6 => drop(parts.deps.pop()),
        7 => parts.others.push(dice.bytes::<16>().to_vec()),
        _ => parts.actor = dice.bytes::<16>().to_vec(),
    }
}

/// Makes the change one that continues the document: upon all of it, or upon a part, by a writer it knows or a new one.
fn fit(parts: &mut Parts, ops: Option<Vec<Op>>, ledger: &Ledger, dice: &mut Dice) {
    let writers: Vec<(ActorId, ChangeHash)> = ledger
        .actors()
        .map(|(actor, last)| (*actor, *last))
        .collect();
    let known = dice.pick(&writers).filter(|_| dice.below(5) > 1);
    let mut deps = ledger.heads();
    if dice.one_in(4) {
        // Apart from the rest: upon its writer's last change, or for a new writer upon any.
        deps = match known {
            Some((_, last)) => vec![*last],
            None => dice.pick(ledger.changes()).copied().into_iter().collect(),
        };
    }
    let metas = deps.iter().filter_map(|dep| ledger.get(dep));
    parts.start_op = metas.map(|meta| meta.max_op).max().unwrap_or(0) + 1;
    parts.deps = deps.iter().map(|dep| dep.to_bytes()).collect();
    let last = known.and_then(|(_, last)| ledger.get(last));
    parts.seq = last.map_or(1, |last| last.seq + 1);
    parts.actor = match known {
        Some((actor, _)) => actor.to_bytes().to_vec(),
        None => dice.bytes::<16>().to_vec(),
    };
    match ops {
        Some(ops) => ops::write(parts, &ops),
        None => parts.others.retain(|other| *other != parts.actor),
    }
}

fn mutate_ops(ops: &mut Vec<Op>, dice: &mut Dice) {
    let names: Vec<Name> = some_names(ops, dice);
    let other = dice.pick(ops).cloned();
    let at = dice.index(ops.len());
    let len = ops.len();
    let Some(op) = ops.get_mut(at) else {
        return;
    };
    match dice.below(15) {
        0 => drop(ops.remove(at)),
        1 => ops.extend(other),
        2 => ops.swap(at, dice.index(len)),
        3 => op.object = dice.pick(&names).cloned(),
        4 => op.object = None,
        5 => op.action = dice.below(8),
        6 => op.insert = !op.insert,
        7 => op.key = Key::Head,
        8 => op.key = dice.pick(&names).cloned().map_or(Key::Head, Key::Element),
        9 => op.key = key_text(dice),
        10 => drop(op.predecessors.pop()),
        11 => op.predecessors.extend(dice.pick(&names).cloned()),
        12 => (op.kind, op.value) = value(dice),
        13 => op.value = flipped(&op.value, dice),
        _ => shift(op, dice),
    }
}

/// Names of operations there are, near ones, and ones there cannot be.
fn some_names(ops: &[Op], dice: &mut Dice) -> Vec<Name> {
    let mut names = vec![Name::Own(dice.index(ops.len() + 2).cast_signed() as i64)];
    for _ in 0..4 {
        let Some(op) = dice.pick(ops) else { break };
        names.extend(op.object.clone());
        names.extend(op.predecessors.first().cloned());
        if let Key::Element(element) = &op.key {
            names.push(element.clone());
        }
    }
    let near = dice.pick(&names).cloned();
    if let Some(Name::Of(actor, counter)) = near {
        names.push(Name::Of(
            actor,
            counter.saturating_add(dice.below(7).cast_signed() - 3),
        ));
    }
    names
}

fn key_text(dice: &mut Dice) -> Key {
    let keys: [&[u8]; 10] = [
        b"kind",
        b"v",
        b"cards",
        b"name",
        b"tags",
        b"list",
        b"",
        b"text",
        b"alive",
        b"\xff\xfe",
    ];
    match dice.below(12) {
        0 => Key::Text(vec![b'k'; dice.index(70_000)]),
        _ => Key::Text(dice.pick(&keys).map(|key| key.to_vec()).unwrap_or_default()),
    }
}

fn value(dice: &mut Dice) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    let kind = dice.below(11);
    match kind {
        3 => chunk::put_unsigned(&mut bytes, dice.odd_number()),
        4 | 8 | 9 => chunk::put_signed(&mut bytes, dice.odd_number().cast_signed()),
        5 => bytes.extend(dice.bytes::<8>()),
        6 => bytes.extend(vec![b'x'; dice.index(40)]),
        7 | 10 => bytes.extend(dice.bytes::<5>()),
        _ => {}
    }
    (kind, bytes)
}

/// Moves one of the operation's references a little.
fn shift(op: &mut Op, dice: &mut Dice) {
    let by = dice.below(9).cast_signed() - 4;
    let element = match &mut op.key {
        Key::Element(element) => Some(element),
        _ => None,
    };
    let mut names: Vec<&mut Name> = op
        .object
        .iter_mut()
        .chain(element)
        .chain(&mut op.predecessors)
        .collect();
    let at = dice.index(names.len());
    if let Some(Name::Own(counter) | Name::Of(_, counter)) = names.get_mut(at) {
        *counter = counter.wrapping_add(by);
    }
}
