//! Links keep their numbers on a real socket.
//!
//! One link after another in one function: side by side they would disturb each other. A busy machine can
//! only make a transfer later, so the best of a few tries is compared, and a link may fall short only where
//! calibration, at that very time, refuses it.

use super::{DATA, listen, tcp};
use netem::{Channel, Event, Link, Phase, Uplink, calibrate};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);
const TRIES: usize = 5;
const FRAME: usize = 250_000;
/// Each transfer is this long on its link.
const TRANSFER: f64 = 0.1;

/// Delay of a one-byte frame, and bytes a second of a long transfer less the delay.
fn measure(link: &Link, client: &mut Channel, server: &mut Channel) -> (Duration, f64) {
    let rate = link.effective_rate().unwrap().0;
    let frames = ((rate * TRANSFER / FRAME as f64) as usize).max(1);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            server.recv(DATA, 1).unwrap();
            let first = Instant::now();
            for _ in 0..frames {
                server.recv(DATA, FRAME).unwrap();
            }
            (first, Instant::now())
        });
        // The receiver is waiting when the byte is sent.
        thread::sleep(Duration::from_millis(5));
        let sent_byte = Instant::now();
        client.send(DATA, vec![0]).unwrap();
        client.flush().unwrap();
        thread::sleep(link.rtt);
        let sent_bulk = Instant::now();
        for _ in 0..frames {
            client.send(DATA, vec![0; FRAME]).unwrap();
        }
        let (got_byte, got_bulk) = receiver.join().unwrap();
        let took = (got_bulk - sent_bulk).as_secs_f64() - link.rtt.as_secs_f64() / 2.0;
        (got_byte - sent_byte, (frames * (FRAME + 5)) as f64 / took)
    })
}

#[test]
fn every_shaped_link_keeps_its_rate_and_its_delay() {
    let windowed = Link::parse("rate=100MB/s,rtt=4ms,window=64KiB").unwrap();
    for link in Link::named().filter(Link::is_shaped).chain([windowed]) {
        let (mut client, mut server) = tcp(&link, DEADLINE);
        let rate = link.effective_rate().unwrap().0;
        let one_byte = link.rtt / 2 + Duration::from_secs_f64(6.0 / rate);
        let (mut late, mut best, mut tries) = (Duration::MAX, 0.0_f64, 0);
        let close = |late: Duration, best: f64| late <= Duration::from_micros(200) && best >= 0.95 * rate;
        while tries < TRIES && !close(late, best) {
            let (delay, found) = measure(&link, &mut client, &mut server);
            // Never early, never faster than the link: those would be our own errors. 1 ns is lost to
            // rounding.
            let tick = Duration::from_nanos(1);
            assert!(delay + tick >= one_byte, "{link}: {delay:?}");
            assert!(found <= rate * 1.000_001, "{link}: {found} B/s");
            (late, best, tries) = (late.min(delay.saturating_sub(one_byte)), best.max(found), tries + 1);
        }
        let errors = server.release_error();
        println!("{link}: {late:?} late, {:.2} % of the rate, {errors:?}, try {tries}", 100.0 * best / rate);
        let refused = || link.check(&calibrate().unwrap()).is_err();
        assert!(close(late, best) || refused(), "{link}: {late:?} late, {best} B/s");
        assert!(errors.count >= 2 && errors.p50_ns <= errors.p99_ns && errors.p99_ns <= errors.max_ns);
        assert!(errors.max_ns > 0 && client.release_error().count == 0);
    }

    // Nothing is released late, or recorded, where nothing is shaped.
    let (mut client, mut server) = tcp(&Link::loopback(), DEADLINE);
    client.send(DATA, vec![0]).unwrap();
    client.flush().unwrap();
    server.recv(DATA, 1).unwrap();
    assert_eq!(server.release_error(), netem::ReleaseError::default());

    let start = Instant::now();
    let loopback = calibrate().unwrap();
    println!("{loopback:?} in {:?}", start.elapsed());
    assert!(
        loopback.rate.0 > 1e6 && loopback.rtt > Duration::ZERO && loopback.rtt < Duration::from_millis(20)
    );
    assert!(Link::parse("wan").unwrap().check(&loopback).is_ok());
    assert!(Link::parse("rate=1000GB/s,rtt=1s").unwrap().check(&loopback).is_err());
    assert!(Link::parse("rate=1kB/s,rtt=0.001us").unwrap().check(&loopback).is_err());
}

/// What two ends did over one link, replayed over others and itself, against what they really take there.
#[test]
fn replayed_transcripts_take_what_the_link_takes() {
    let links = ["rate=100MB/s,rtt=6ms", "rate=50MB/s,rtt=20ms", "rate=20MB/s,rtt=40ms"];
    let links = links.map(|link| Link::parse(link).unwrap());
    let mut smallest = f64::INFINITY;
    for _ in 0..TRIES {
        let recorded = links.each_ref().map(questions);
        let mut largest = 0.0f64;
        for (asked, answered, _) in &recorded {
            for (link, (_, _, measured)) in links.iter().zip(&recorded) {
                let [client, _] = netem::replay([asked, answered], link).unwrap();
                largest = largest.max((client[0].wall_ns as f64 / *measured as f64 - 1.0).abs());
            }
        }
        smallest = smallest.min(largest);
        if smallest < 0.05 {
            return;
        }
    }
    panic!("a replay is off by {smallest:.3}");
}

/// Four questions with answers that take some computing: what asker and answerer did, and the asker's time in ns.
fn questions(link: &Link) -> (Vec<Event>, Vec<Event>, u64) {
    let (mut asker, mut answerer) = tcp(link, DEADLINE);
    let answering = thread::spawn(move || {
        answerer.record(true);
        answerer.enter(Phase::Online, 0);
        for _ in 0..4 {
            answerer.recv(DATA, 100_000).unwrap();
            busy(Duration::from_millis(3));
            (0..10).for_each(|_| answerer.send(DATA, vec![0; 40_000]).unwrap());
            answerer.flush().unwrap();
        }
        (answerer.take_transcript(), answerer)
    });
    asker.record(true);
    asker.enter(Phase::Online, 0);
    for _ in 0..4 {
        asker.send(DATA, vec![0; 100_000]).unwrap();
        for _ in 0..10 {
            asker.recv(DATA, 40_000).unwrap();
            busy(Duration::from_micros(300));
        }
    }
    let (usage, asked) = (asker.take_usage(), asker.take_transcript());
    let (answered, _answerer) = answering.join().unwrap();
    (asked, answered, usage[0].wall_ns)
}

/// Computes for so long.
fn busy(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Two channels over one uplink have its rate together, and what is urgent overtakes all but a short queue.
#[test]
fn channels_of_one_link_share_its_rate() {
    let link = Link::parse("rate=20MB/s,rtt=2ms").unwrap();
    let uplink = Uplink::new(&link);
    let pair = || {
        let (listener, addr) = listen();
        let sender = Channel::connect_sharing(addr, &link, &uplink, DEADLINE).unwrap();
        (sender, Channel::accept(&listener, &link, DEADLINE).unwrap())
    };
    let ((mut bulk, mut bulk_end), (mut urgent, mut urgent_end)) = (pair(), pair());
    bulk.queue_at_most(Duration::from_millis(10));
    thread::scope(|scope| {
        let begun = Instant::now();
        // 4 MB: 200 ms of the link.
        scope.spawn(move || {
            (0..40).for_each(|_| bulk.send(DATA, vec![0; 100_000]).unwrap());
            bulk.flush().unwrap();
            bulk
        });
        let received = scope.spawn(move || {
            (0..40).for_each(|_| drop(bulk_end.recv(DATA, 100_000).unwrap()));
            begun.elapsed()
        });
        thread::sleep(Duration::from_millis(50));
        let sent = Instant::now();
        urgent.send(DATA, vec![0; 400_000]).unwrap();
        urgent.flush().unwrap();
        urgent_end.recv(DATA, 400_000).unwrap();
        // Its own 20 ms, the delay of 1 ms, and at most 10 + 5 ms of the other's.
        let took = sent.elapsed();
        assert!(took >= Duration::from_millis(21) && took < Duration::from_millis(100), "{took:?}");
        // All 4.4 MB over one link.
        let all = received.join().unwrap();
        assert!(all >= Duration::from_millis(220), "{all:?}");
    });
}
