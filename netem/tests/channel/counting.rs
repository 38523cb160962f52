//! The counts are exact, over either transport.

use super::{DATA, tcp};
use netem::{Channel, FrameKind, Link, Phase, StepUsage};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

fn each_transport(check: impl Fn(Channel, Channel)) {
    let (left, right) = Channel::pair(DEADLINE);
    check(left, right);
    let (left, right) = tcp(&Link::loopback(), DEADLINE);
    check(left, right);
}

/// Everything that does not depend on the clock.
fn counts(usage: &[StepUsage]) -> Vec<StepUsage> {
    usage.iter().map(|row| StepUsage { wall_ns: 0, blocked_ns: 0, ..row.clone() }).collect()
}

#[test]
fn every_byte_counts_for_the_step_that_sent_or_received_it() {
    each_transport(|mut client, mut server| {
        client.enter(Phase::Offline, 0);
        server.enter(Phase::Offline, 0);
        client.send(DATA, vec![1; 100]).unwrap();
        client.send(FrameKind(8), vec![]).unwrap();
        client.enter(Phase::Offline, 1);
        assert_eq!(server.recv(DATA, 100).unwrap(), [1; 100]);
        server.enter(Phase::Online, 0);
        assert!(server.recv_at_most(FrameKind(8), 10).unwrap().is_empty());
        server.send(DATA, vec![2; 300_000]).unwrap();
        assert_eq!(client.recv_at_most(DATA, 300_000).unwrap(), vec![2; 300_000]);
        client.enter(Phase::Offline, 0);
        client.send(DATA, vec![3; 7]).unwrap();
        client.flush().unwrap();
        server.recv(DATA, 7).unwrap();

        let row = StepUsage::new;
        let expect_client = [
            StepUsage {
                bytes_out: 107,
                header_out: 15,
                messages_out: 3,
                flights_out: 2,
                ..row(Phase::Offline, 0)
            },
            StepUsage { bytes_in: 300_000, header_in: 5, messages_in: 1, ..row(Phase::Offline, 1) },
        ];
        assert_eq!(counts(&client.usage()), expect_client);
        let expect_server = [
            StepUsage { bytes_in: 100, header_in: 5, messages_in: 1, ..row(Phase::Offline, 0) },
            StepUsage {
                bytes_out: 300_000,
                header_out: 5,
                messages_out: 1,
                flights_out: 1,
                bytes_in: 7,
                header_in: 10,
                messages_in: 2,
                ..row(Phase::Online, 0)
            },
        ];
        assert_eq!(counts(&server.take_usage()), expect_server);
        assert_eq!(server.usage(), []);
    });
}

#[test]
fn taking_turns_every_change_of_direction_is_a_flight() {
    each_transport(|mut client, mut server| {
        let flights = |channel: &Channel| channel.usage().iter().map(|row| row.flights_out).sum::<u64>();
        client.enter(Phase::Online, 0);
        server.enter(Phase::Online, 0);
        for step in 1..=3 {
            // Two messages down in one flight, whatever the step; one up. The step does not end a flight, ...
            server.send(DATA, vec![0; 4]).unwrap();
            server.enter(Phase::Online, step);
            server.send(DATA, vec![0; 4]).unwrap();
            server.flush().unwrap();
            client.recv(DATA, 4).unwrap();
            client.recv(DATA, 4).unwrap();
            client.send(DATA, vec![0; 4]).unwrap();
            client.enter(Phase::Online, step);
            server.recv(DATA, 4).unwrap();
        }
        assert_eq!((flights(&server), flights(&client)), (3, 3));
        // ... another phase does, ...
        client.enter(Phase::Offline, 0);
        client.send(DATA, vec![]).unwrap();
        assert_eq!(flights(&client), 4);
        // ... and so does a restarted meter.
        client.take_usage();
        client.send(DATA, vec![]).unwrap();
        assert_eq!(flights(&client), 1);
    });
}

#[test]
fn answers_to_messages_that_were_under_way_together_are_one_flight() {
    each_transport(|mut client, mut server| {
        let flights = |channel: &Channel| channel.usage().iter().map(|row| row.flights_out).sum::<u64>();
        client.enter(Phase::Offline, 0);
        server.enter(Phase::Offline, 0);
        for _ in 0..3 {
            client.send(DATA, vec![0; 4]).unwrap();
        }
        client.flush().unwrap();
        for _ in 0..3 {
            // The server answers each as it comes, long after the client has sent the last.
            server.recv(DATA, 4).unwrap();
            server.send(DATA, vec![0; 4]).unwrap();
        }
        server.flush().unwrap();
        assert_eq!((flights(&client), flights(&server)), (1, 1));
        // A message that waited for an answer is another flight, and so is what waits for it.
        client.recv(DATA, 4).unwrap();
        client.send(DATA, vec![0; 4]).unwrap();
        client.recv(DATA, 4).unwrap();
        client.send(DATA, vec![0; 4]).unwrap();
        client.flush().unwrap();
        server.recv(DATA, 4).unwrap();
        server.send(DATA, vec![0; 4]).unwrap();
        assert_eq!((flights(&client), flights(&server)), (2, 2));
    });
}

#[test]
fn waiting_is_blocked_and_computing_is_not() {
    const PAUSE: Duration = Duration::from_millis(60);
    let pause_ns = PAUSE.as_nanos() as u64;
    each_transport(|mut client, mut server| {
        thread::scope(|scope| {
            scope.spawn(move || {
                server.enter(Phase::Online, 0);
                thread::sleep(PAUSE);
                server.send(DATA, vec![1]).unwrap();
                server.flush().unwrap();
                let row = &server.usage()[0];
                assert!(row.compute_ns() >= pause_ns, "{row:?}");
            });
            client.enter(Phase::Online, 0);
            client.recv(DATA, 1).unwrap();
            client.enter(Phase::Online, 1);
            thread::sleep(PAUSE);
            let usage = client.usage();
            assert!(
                usage[0].blocked_ns > pause_ns / 2 && usage[0].blocked_ns <= usage[0].wall_ns,
                "{usage:?}"
            );
            assert!(usage[1].wall_ns >= pause_ns && usage[1].blocked_ns == 0, "{usage:?}");
        });
    });
}

/// A pause that keeps the processor busy.
fn compute(pause: Duration) {
    let start = Instant::now();
    while start.elapsed() < pause {
        std::hint::spin_loop();
    }
}

/// Both ends of a session with two inferences: the times of all rows and those outside all steps are the wall clock's,
/// within 1 %. The best of some tries, since another process may come between two looks at the clock.
#[test]
fn the_phases_times_and_what_is_idle_are_the_wall_clocks() {
    const PAUSE: Duration = Duration::from_millis(25);
    /// Wall time, that of the rows, and that outside all.
    fn party(mut channel: Channel, start: Instant, asks: bool) -> [Duration; 3] {
        let (mut rows, mut idle) = (Vec::new(), Duration::ZERO);
        let mut idle_since = start;
        let speak = |channel: &mut Channel| {
            channel.send(DATA, vec![0; 100_000]).unwrap();
            channel.recv(DATA, 100_000).unwrap();
        };
        for _ in 0..2 {
            thread::sleep(PAUSE);
            channel.enter(Phase::Setup, 0);
            idle += idle_since.elapsed();
            compute(PAUSE);
            for (phase, step) in [(Phase::Offline, 0), (Phase::Offline, 1), (Phase::Online, 0)] {
                channel.enter(phase, step);
                // One waits for the other, in turns.
                if asks == (step == 0) {
                    compute(PAUSE);
                }
                speak(&mut channel);
            }
            // Again, for a while.
            channel.enter(Phase::Offline, 0);
            thread::sleep(PAUSE);
            rows.extend(channel.take_usage());
            idle_since = Instant::now();
        }
        thread::sleep(PAUSE);
        idle += idle_since.elapsed();
        let elapsed = start.elapsed();
        rows.extend(channel.usage());
        assert!(rows.iter().all(|row| row.blocked_ns <= row.wall_ns), "{rows:?}");
        let blocked = rows.iter().map(|row| row.blocked_ns).sum::<u64>();
        assert!(Duration::from_nanos(blocked) > PAUSE, "{rows:?}");
        [elapsed, Duration::from_nanos(rows.iter().map(|row| row.wall_ns).sum()), idle]
    }
    let attempt = || {
        let mut worst: f64 = 0.0;
        for ends in [Channel::pair(DEADLINE), tcp(&Link::loopback(), DEADLINE)] {
            let found = thread::scope(|scope| {
                let server = scope.spawn(|| party(ends.1, Instant::now(), false));
                [party(ends.0, Instant::now(), true), server.join().unwrap()]
            });
            for [elapsed, rows, idle] in found {
                assert!(elapsed > 10 * PAUSE, "{elapsed:?}");
                worst = worst.max((rows + idle).abs_diff(elapsed).div_duration_f64(elapsed));
            }
        }
        worst
    };
    let best = (0..3).map(|_| attempt()).fold(f64::INFINITY, f64::min);
    assert!(best <= 0.01, "{best}");
}

#[test]
fn small_frames_need_no_flush_before_a_wait() {
    each_transport(|mut client, mut server| {
        thread::scope(|scope| {
            scope.spawn(move || {
                for round in 0..1000_u32 {
                    assert_eq!(server.recv(DATA, 4).unwrap(), round.to_le_bytes());
                    server.send(DATA, round.to_be_bytes().to_vec()).unwrap();
                }
                // Dropped with the last answer still held.
            });
            for round in 0..1000_u32 {
                client.send(DATA, round.to_le_bytes().to_vec()).unwrap();
                assert_eq!(client.recv(DATA, 4).unwrap(), round.to_be_bytes());
            }
        });
    });
}

#[test]
fn both_may_send_much_before_either_receives() {
    const FRAMES: usize = 100;
    const FRAME: usize = 1_000_000;
    fn party(mut channel: Channel, own: u8, other: u8) {
        channel.expect_at_most(FRAMES as u64, (FRAMES * FRAME) as u64);
        for _ in 0..FRAMES {
            channel.send(DATA, vec![own; FRAME]).unwrap();
        }
        for _ in 0..FRAMES {
            let frame = channel.recv(DATA, FRAME).unwrap();
            assert_eq!((frame[0], frame[FRAME - 1]), (other, other));
        }
    }
    each_transport(|client, server| {
        thread::scope(|scope| {
            scope.spawn(move || party(client, 1, 2));
            scope.spawn(move || party(server, 2, 1));
        });
    });
}

#[test]
fn any_mix_of_sizes_arrives_whole_and_in_order() {
    let sizes = [0, 1, 12, 13, 65_523, 65_536, 3, 1_048_576, 0, 700_001, 16 << 20, 5];
    each_transport(|mut client, mut server| {
        for _ in 0..3 {
            for (index, size) in sizes.into_iter().enumerate() {
                let payload = (0..size).map(|byte| (byte * 31 + index) as u8).collect();
                client.send(FrameKind(index as u8), payload).unwrap();
            }
        }
        client.flush().unwrap();
        for _ in 0..3 {
            for (index, size) in sizes.into_iter().enumerate() {
                let payload = server.recv(FrameKind(index as u8), size).unwrap();
                assert!(payload.iter().enumerate().all(|(at, byte)| *byte == (at * 31 + index) as u8));
            }
        }
    });
}
