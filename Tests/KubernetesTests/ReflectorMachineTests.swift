import Kubernetes
import Platform
import Testing

/// What a reflector does next, after each thing that can happen.
@Suite struct ReflectorMachineTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let firstList = ReflectorMachine.Action.list(ListRequest(limit: 500))

    /// A machine that watches from version 10, and the time at which it listed.
    private static func watching() -> ReflectorMachine {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        _ = machine.replaced(now: start, fraction: 0)
        return machine
    }

    /// Does what the machine says, without a failure, until it watches again.
    private static func watchAgain(_ machine: inout ReflectorMachine, after action: ReflectorMachine.Action) {
        var action = action
        while true {
            switch action {
            case .list: action = machine.listed(resourceVersion: "10", continuation: nil)
            case .replace: action = machine.replaced(now: start, fraction: 0)
            case .tellAbsence: action = machine.absenceTold()
            case .pause: action = machine.resumed(now: start, fraction: 0)
            case .watch: return
            }
        }
    }

    private static func watch(from version: String, seconds: Int = 240) -> ReflectorMachine.Action {
        .watch(WatchRequest(resourceVersion: version, timeoutSeconds: seconds))
    }

    private static func status(_ code: Int, retryAfter: Int? = nil) -> KubernetesError {
        .status(Status(code: code, retryAfterSeconds: retryAfter))
    }

    @Test func `a list is read page by page and the watch starts at the first page's version`() {
        var machine = ReflectorMachine()
        do { let first = machine.start(); #expect(first == Self.firstList) }
        let second = machine.listed(resourceVersion: "10", continuation: "more")
        #expect(second == .list(ListRequest(limit: 500, continuation: "more")))
        let end = machine.listed(resourceVersion: "12", continuation: nil)
        #expect(end == .replace)
        let next = machine.replaced(now: Self.start, fraction: 0.5)
        #expect(next == Self.watch(from: "10", seconds: 270))
    }

    @Test func `a list that expires between pages is read in one piece`() {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: "more")
        let next = machine.listFailed(Self.status(410), now: Self.start, fraction: 0)
        #expect(next == .list(ListRequest(limit: nil)))
        let end = machine.listed(resourceVersion: "14", continuation: nil)
        #expect(end == .replace)
        let watch = machine.replaced(now: Self.start, fraction: 0)
        #expect(watch == Self.watch(from: "14"))
    }

    @Test(arguments: [.transport("refused"), status(403), status(500), .malformed(place: "p", reason: "r")])
    func `a failed list restarts after a pause`(error: KubernetesError) {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: "more")
        let pause = machine.listFailed(error, now: Self.start, fraction: 0.25)
        #expect(pause == .pause(.seconds(1)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
    }

    @Test func `a watch that ends normally is reopened where it stopped`() {
        var machine = Self.watching()
        let goesOn = machine.handle(.object(resourceVersion: "11"))
        #expect(goesOn)
        #expect(machine.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.watch(from: "11"))
    }

    @Test func `a bookmark advances the version`() {
        var machine = Self.watching()
        _ = machine.handle(.bookmark(resourceVersion: "90"))
        #expect(machine.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.watch(from: "90"))
    }

    @Test func `an unknown event does not advance the version`() {
        var machine = Self.watching()
        let goesOn = machine.handle(.unknown)
        #expect(goesOn)
        #expect(machine.ended(nil, now: Self.start + .seconds(200), fraction: 0) == Self.watch(from: "10"))
    }

    @Test func `a watch that ends at once without an event is a failure`() {
        var machine = Self.watching()
        let next = machine.ended(nil, now: Self.start + .milliseconds(999), fraction: 0)
        #expect(next == .pause(.milliseconds(800)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "10")) }
    }

    @Test func `a watch that ends at once is reopened after a pause even when it delivered events`() {
        var machine = Self.watching()
        _ = machine.handle(.opened)
        _ = machine.handle(.bookmark(resourceVersion: "11"))
        #expect(machine.ended(nil, now: Self.start + .milliseconds(999), fraction: 0) == .pause(.milliseconds(800)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "11")) }
        #expect(machine.drainNotices() == [])
    }

    @Test func `an object without a version does not advance the version`() {
        var machine = Self.watching()
        let goesOn = machine.handle(.object(resourceVersion: ""))
        #expect(goesOn)
        #expect(machine.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.watch(from: "10"))
    }

    @Test func `a version that expires in the stream is listed again at once`() {
        var machine = Self.watching()
        let goesOn = machine.handle(.error(Status(code: 410, reason: "Expired")))
        #expect(!goesOn)
        #expect(machine.ended(nil, now: Self.start + .seconds(5), fraction: 0) == Self.firstList)
    }

    @Test func `a version that has expired at the request is listed again at once`() {
        var machine = Self.watching()
        #expect(machine.ended(Self.status(410), now: Self.start + .seconds(5), fraction: 0) == Self.firstList)
    }

    @Test func `a version that expires right after the list is listed again after a pause`() {
        var machine = Self.watching()
        let next = machine.ended(Self.status(410), now: Self.start + .milliseconds(10), fraction: 0)
        #expect(next == .pause(.milliseconds(800)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
    }

    @Test(arguments: [.transport("reset"), status(429), status(500), status(503), status(401), status(403)])
    func `a watch that breaks at once is reopened where it stopped after a pause`(error: KubernetesError) {
        var machine = Self.watching()
        _ = machine.handle(.object(resourceVersion: "11"))
        let next = machine.ended(error, now: Self.start + .milliseconds(900), fraction: 0)
        #expect(next == .pause(.milliseconds(800)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "11")) }
    }

    @Test func `a 429 in the stream does not cause a list`() {
        var machine = Self.watching()
        _ = machine.handle(.error(Status(code: 429, retryAfterSeconds: 7)))
        #expect(machine.ended(nil, now: Self.start, fraction: 0) == .pause(.seconds(7)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "10")) }
    }

    @Test func `Retry-After is followed up to a minute`() {
        var machine = Self.watching()
        #expect(machine.ended(Self.status(503, retryAfter: 9), now: Self.start, fraction: 0) == .pause(.seconds(9)))
        _ = machine.resumed(now: Self.start, fraction: 0)
        let long = machine.ended(Self.status(503, retryAfter: 99_999), now: Self.start, fraction: 0)
        #expect(long == .pause(.seconds(60)))
    }

    @Test(arguments: [.malformed(place: "watch", reason: "bad"), status(400), status(404), status(422)])
    func `an unreadable or refused watch is listed again after a pause`(error: KubernetesError) {
        var machine = Self.watching()
        let next = machine.ended(error, now: Self.start + .seconds(5), fraction: 0)
        #expect(next == .pause(.milliseconds(800)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
    }

    @Test func `endless refusals give the version up`() {
        var machine = Self.watching()
        for _ in 1...4 {
            _ = machine.ended(Self.status(500), now: Self.start, fraction: 0)
            do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "10")) }
        }
        _ = machine.ended(Self.status(500), now: Self.start, fraction: 0)
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
    }

    @Test func `a silent watch after a broken connection is listed again`() {
        var machine = Self.watching()
        _ = machine.ended(.transport("reset"), now: Self.start, fraction: 0)
        _ = machine.resumed(now: Self.start, fraction: 0)
        #expect(machine.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.firstList)
        var heard = Self.watching()
        _ = heard.ended(.transport("reset"), now: Self.start, fraction: 0)
        _ = heard.resumed(now: Self.start, fraction: 0)
        _ = heard.handle(.bookmark(resourceVersion: "20"))
        #expect(heard.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.watch(from: "20"))
    }

    @Test func `a watch that is cut every 20 seconds is reopened at once, each time`() {
        var machine = Self.watching()
        for cut in 1...10 {
            _ = machine.handle(.opened)
            let now = Self.start + .seconds(20 * cut)
            #expect(machine.ended(.transport("reset"), now: now, fraction: 0) == Self.watch(from: "10"))
        }
        // A failure to open is a failure: its pauses begin anew after each watch that lived.
        _ = machine.ended(.transport("refused"), now: Self.start + .seconds(201), fraction: 0)
        _ = machine.resumed(now: Self.start + .seconds(202), fraction: 0)
        let second = machine.ended(.transport("refused"), now: Self.start + .seconds(202), fraction: 0)
        #expect(second == .pause(.milliseconds(1_600)))
        _ = machine.resumed(now: Self.start + .seconds(204), fraction: 0)
        _ = machine.handle(.opened)
        _ = machine.ended(.transport("reset"), now: Self.start + .seconds(206), fraction: 0)
        let first = machine.ended(.transport("refused"), now: Self.start + .seconds(206), fraction: 0)
        #expect(first == .pause(.milliseconds(800)))
    }

    @Test func `a whole watch without an event or a bookmark puts the version in doubt`() {
        var machine = Self.watching()
        _ = machine.handle(.opened)
        #expect(machine.ended(nil, now: Self.start + .seconds(240), fraction: 0) == Self.firstList)
    }

    @Test func `watches that are cut and silent for as long as a whole one put the version in doubt`() {
        var machine = Self.watching()
        var actions: [ReflectorMachine.Action] = []
        for cut in 1...12 {
            _ = machine.handle(.opened)
            actions.append(machine.ended(.transport("reset"), now: Self.start + .seconds(20 * cut), fraction: 0))
        }
        #expect(actions.dropLast().allSatisfy { $0 == Self.watch(from: "10") })
        #expect(actions.last == Self.firstList)
        var told = Self.watching()
        for cut in 1...40 {
            _ = told.handle(.opened)
            if cut % 3 == 0 { _ = told.handle(.bookmark(resourceVersion: "11")) }
            let next = told.ended(.transport("reset"), now: Self.start + .seconds(20 * cut), fraction: 0)
            #expect(next == Self.watch(from: cut < 3 ? "10" : "11"))
        }
    }

    @Test func `a page that is too large is read again with half as many objects, and later ones grow again`() {
        var machine = ReflectorMachine()
        let tooLarge = KubernetesError.answerTooLarge(limit: 1)
        _ = machine.listed(resourceVersion: "10", continuation: "a")
        let half = machine.listFailed(tooLarge, now: Self.start, fraction: 0)
        #expect(half == .list(ListRequest(limit: 250, continuation: "a")))
        let quarter = machine.listFailed(tooLarge, now: Self.start, fraction: 0)
        #expect(quarter == .list(ListRequest(limit: 125, continuation: "a")))
        for page in 1...8 {
            let next = machine.listed(resourceVersion: "10", continuation: "b")
            #expect(next == .list(ListRequest(limit: page < 8 ? 125 : 250, continuation: "b")))
        }
        for _ in 1...16 { _ = machine.listed(resourceVersion: "10", continuation: "c") }
        let last = machine.listed(resourceVersion: "10", continuation: "d")
        #expect(last == .list(ListRequest(limit: 500, continuation: "d")))
        #expect(machine.drainNotices() == [])
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        // The version of the first page still counts.
        let watch = machine.replaced(now: Self.start, fraction: 0)
        #expect(watch == Self.watch(from: "10"))
    }

    @Test func `one object that is too large is a failure`() {
        var machine = ReflectorMachine()
        var next = machine.start()
        for _ in 0..<9 {
            next = machine.listFailed(.answerTooLarge(limit: 1), now: Self.start, fraction: 0)
        }
        #expect(next == .pause(.milliseconds(800)))
        #expect(machine.problem == .answerTooLarge(limit: 1))
    }

    @Test func `a broken watch is reported only if it cannot be reopened`() {
        var machine = Self.watching()
        _ = machine.handle(.opened)
        _ = machine.ended(.transport("reset"), now: Self.start + .seconds(60), fraction: 0)
        #expect(machine.drainNotices() == [])
        #expect(machine.problem == nil)
        _ = machine.ended(.transport("refused"), now: Self.start + .seconds(61), fraction: 0)
        #expect(machine.drainNotices() == [.failing(.transport("refused"))])
        #expect(machine.problem == .transport("refused"))
        _ = machine.resumed(now: Self.start + .seconds(63), fraction: 0)
        _ = machine.handle(.opened)
        #expect(machine.drainNotices() == [.recovered])
        #expect(machine.problem == nil)
    }

    @Test func `a watch that keeps breaking at once is reported once`() {
        var machine = Self.watching()
        var notices: [ReflectorNotice] = []
        for second in 0..<5 {
            let now = Self.start + .seconds(second)
            _ = machine.handle(.opened)
            _ = machine.ended(.transport("reset"), now: now + .milliseconds(20), fraction: 0)
            notices += machine.drainNotices()
            _ = machine.resumed(now: now + .seconds(1), fraction: 0)
        }
        #expect(notices == [.failing(.transport("reset"))])
        _ = machine.handle(.bookmark(resourceVersion: "11"))
        #expect(machine.drainNotices() == [.recovered])
    }

    @Test func `429s never cause a list`() {
        var machine = Self.watching()
        for _ in 1...20 {
            _ = machine.ended(Self.status(429), now: Self.start, fraction: 0)
            do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.watch(from: "10")) }
        }
    }

    @Test func `an optional resource that is forbidden is tried once a minute`() {
        var machine = ReflectorMachine(isOptional: true)
        // At first in the usual pauses: a server that has just started forbids everything for a moment.
        for pause in [800, 1_600] {
            let list = machine.listFailed(Self.status(403), now: Self.start, fraction: 0)
            #expect(list == .pause(.milliseconds(pause)))
            do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
        }
        let later = Self.start + .seconds(60)
        for _ in 1...3 {
            let list = machine.listFailed(Self.status(403), now: later, fraction: 0.5)
            #expect(list == .pause(.seconds(60)))
            do { let next = machine.resumed(now: later, fraction: 0); #expect(next == Self.firstList) }
        }
        #expect(machine.drainNotices() == [.failing(Self.status(403))])
        let other = machine.listFailed(Self.status(500), now: Self.start, fraction: 0)
        #expect(other == .pause(.milliseconds(3_200)))
        _ = machine.resumed(now: Self.start, fraction: 0)
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        _ = machine.replaced(now: Self.start, fraction: 0)
        // The permission is taken away later.
        #expect(machine.ended(Self.status(403), now: Self.start, fraction: 0) == .pause(.milliseconds(6_400)))
        do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
    }

    @Test func `an optional resource that the server does not have has no objects and is looked for once a minute`() {
        var machine = ReflectorMachine(isOptional: true)
        for _ in 1...3 {
            let list = machine.listFailed(Self.status(404), now: Self.start, fraction: 0.5)
            #expect(list == .tellAbsence && machine.isAbsent && machine.problem == nil)
            do { let next = machine.absenceTold(); #expect(next == .pause(.seconds(60))) }
            do { let next = machine.resumed(now: Self.start, fraction: 0); #expect(next == Self.firstList) }
        }
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        #expect(machine.drainNotices() == [.absent, .appeared] && !machine.isAbsent)
        _ = machine.replaced(now: Self.start, fraction: 0)
        // It is taken away later: the watch ends, and the second list that says so is believed.
        _ = machine.handle(.opened)
        let pause = machine.ended(Self.status(404), now: Self.start, fraction: 0)
        #expect(pause == .pause(.milliseconds(800)) && !machine.isAbsent)
        _ = machine.resumed(now: Self.start, fraction: 0)
        let first = machine.listFailed(Self.status(404), now: Self.start, fraction: 0)
        #expect(first == .pause(.milliseconds(1_600)) && !machine.isAbsent)
        _ = machine.resumed(now: Self.start, fraction: 0)
        do {
            let next = machine.listFailed(Self.status(404), now: Self.start, fraction: 0)
            #expect(next == .tellAbsence && machine.problem == nil)
        }
    }

    @Test func `a new list that is asked for while absence is told or waited out begins at once`() {
        var machine = ReflectorMachine(isOptional: true)
        _ = machine.listFailed(Self.status(404), now: Self.start, fraction: 0)
        do { let instead = machine.readAnew(); #expect(instead == nil) }
        do { let next = machine.absenceTold(); #expect(next == Self.firstList) }
        _ = machine.listFailed(Self.status(404), now: Self.start, fraction: 0)
        do { let next = machine.absenceTold(); #expect(next == .pause(.seconds(60))) }
        do { let instead = machine.readAnew(); #expect(instead == Self.firstList) }
    }

    @Test func `a required resource that the server does not have is a failure`() {
        var machine = ReflectorMachine()
        let list = machine.listFailed(Self.status(404), now: Self.start, fraction: 0)
        #expect(list == .pause(.milliseconds(800)) && machine.problem == Self.status(404) && !machine.isAbsent)
    }

    @Test func `the end of a watch is counted by its reason`() {
        var machine = Self.watching()
        let errors: [KubernetesError?] = [
            nil, .transport("x"), .transport("y"), Self.status(410), Self.status(403),
        ]
        for error in errors {
            if error == Self.status(410) { _ = machine.handle(.error(Status(code: 410))) }
            let next = machine.ended(error, now: Self.start, fraction: 0)
            Self.watchAgain(&machine, after: next)
        }
        _ = machine.ended(.malformed(place: "p", reason: "r"), now: Self.start, fraction: 0)
        _ = machine.resumed(now: Self.start, fraction: 0)
        _ = machine.listFailed(Self.status(410), now: Self.start, fraction: 0)
        #expect(
            machine.restarts == ["ended": 1, "transport": 2, "expired": 2, "refused": 1, "malformed": 1])
    }

    @Test func `pauses double up to the limit and start over after two quiet minutes`() {
        var backoff = Backoff()
        var now = Self.start
        var pauses: [Duration] = []
        for _ in 0..<8 {
            pauses.append(backoff.pause(now: now, fraction: 0))
            now = now + .seconds(60)
        }
        #expect(
            pauses.map(\.seconds) == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])
        #expect(backoff.pause(now: now, fraction: 0.5) == .seconds(45))
        #expect(backoff.pause(now: now + .seconds(120), fraction: 0) == .milliseconds(800))
    }

    @Test func `each failure is reported once until it ends`() {
        var machine = Self.watching()
        for _ in 0..<3 {
            _ = machine.ended(.transport("refused"), now: Self.start, fraction: 0)
            _ = machine.resumed(now: Self.start, fraction: 0)
        }
        #expect(machine.drainNotices() == [.failing(.transport("refused"))])
        _ = machine.handle(.bookmark(resourceVersion: "11"))
        #expect(machine.drainNotices() == [.recovered])
        _ = machine.ended(.transport("refused"), now: Self.start, fraction: 0)
        #expect(machine.drainNotices() == [.failing(.transport("refused"))])
    }
}
