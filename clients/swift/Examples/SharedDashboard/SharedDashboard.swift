// An app for visionOS: people in a FaceTime call look at the same dashboard.
//
// SharePlay brings them together, BOS keeps what they see. The group activity carries nothing but the
// id of the collaboration session: each app joins it with its own user's sign-in, so that the server
// decides who may see what.

import BOSClient
import GroupActivities
import SwiftUI

/// The activity that SharePlay offers to the others of the call.
struct DashboardActivity: GroupActivity {
    static let activityIdentifier = "example.bos.dashboard"

    /// The collaboration session to join: opaque text, not to be changed.
    let sessionId: String
    let title: String

    var metadata: GroupActivityMetadata {
        var metadata = GroupActivityMetadata()
        metadata.title = title
        metadata.type = .generic
        return metadata
    }
}

/// The session that this app is in, and the way there.
@MainActor
@Observable
final class Meeting {
    private(set) var session: CollaborationSession?
    private(set) var problem: String?
    private var group: GroupSession<DashboardActivity>?

    private let client: BOSClient

    init(client: BOSClient) {
        self.client = client
    }

    /// Start a session, and offer it to the others of the call.
    func start(title: String) async {
        do {
            let session = try await client.createSession(SessionCreate(title: title, activeSpace: "dashboard"))
            self.session = session
            _ = try await DashboardActivity(sessionId: session.id, title: title).activate()
        } catch {
            problem = error.localizedDescription
        }
    }

    /// Join what others offer; until the task is cancelled.
    func joinWhatIsOffered() async {
        for await group in DashboardActivity.sessions() {
            self.group = group
            group.join()
            await join(group.activity.sessionId)
        }
    }

    func leave() async {
        group?.leave()
        group = nil
        guard let session else { return }
        self.session = nil
        do {
            try await session.leave()
        } catch {
            problem = error.localizedDescription
        }
    }

    private func join(_ sessionId: String) async {
        guard session?.id != sessionId else { return }  // this app has offered it
        do {
            session = try await client.joinSession(sessionId)
        } catch {
            problem = error.localizedDescription
        }
    }
}

/// The others' cursors and everybody's notes, over the dashboard.
struct SharedSpace: View {
    let live: LiveStore
    let session: CollaborationSession
    let me: String

    /// So many points are a metre of the session's space.
    private static let scale = 400.0

    var body: some View {
        TimelineView(.animation) { _ in
            ZStack(alignment: .topLeading) {
                ForEach(live.store.annotations(of: session.id), id: \.id) { note in
                    NoteView(note: note)
                        .offset(place(note.position))
                }
                ForEach(pointers, id: \.name) { pointer in
                    Label(pointer.name, systemImage: "cursorarrow")
                        .offset(place(pointer.position))
                }
            }
        }
        .onContinuousHover { phase in
            guard case .active(let point) = phase else { return }
            let position = Position(x: point.x / Self.scale, y: point.y / Self.scale, z: 0)
            Task { await session.moveCursor(to: position) }
        }
    }

    private struct Pointer {
        let name: String
        let position: Position
    }

    private var pointers: [Pointer] {
        let positions = live.cursors(in: session.id, at: LiveStore.now)
        return live.store.participants(of: session.id).compactMap { participant in
            guard participant.userId != me, let position = positions[participant.userId] else { return nil }
            return Pointer(name: participant.userName, position: position)
        }
    }

    private func place(_ position: Position) -> CGSize {
        CGSize(width: position.x * Self.scale, height: position.y * Self.scale)
    }
}

struct NoteView: View {
    let note: AnnotationData

    var body: some View {
        VStack(alignment: .leading) {
            Text(note.content)
            Text(note.authorName).font(.caption)
        }
        .padding()
        .glassBackgroundEffect()
    }
}

/// KPIs as they are now, and how far the connection is.
struct Dashboard: View {
    let live: LiveStore
    let meeting: Meeting
    let me: String

    var body: some View {
        NavigationStack {
            List(live.store.kpis, id: \.id) { kpi in
                LabeledContent(kpi.name) {
                    Text(kpi.value.map { "\($0.formatted()) \(kpi.unit)" } ?? "no value yet")
                }
            }
            .overlay {
                if let session = meeting.session { SharedSpace(live: live, session: session, me: me) }
            }
            .navigationTitle(live.state == .live ? "Dashboard" : "Dashboard (not live)")
            .toolbar {
                if meeting.session == nil {
                    Button("Share") { Task { await meeting.start(title: "Dashboard") } }
                } else {
                    Button("Leave") { Task { await meeting.leave() } }
                }
            }
        }
    }
}

@main
struct SharedDashboardApp: App {
    @State private var signedIn: SignedIn?
    @State private var problem = ""

    /// All that there is once the user has signed in.
    private struct SignedIn {
        let live: LiveStore
        let meeting: Meeting
        let me: String
    }

    var body: some Scene {
        WindowGroup {
            if let signedIn {
                Dashboard(live: signedIn.live, meeting: signedIn.meeting, me: signedIn.me)
                    .task { await signedIn.live.run() }
                    .task { await signedIn.meeting.joinWhatIsOffered() }
            } else {
                SignInView(problem: problem) { url, email, password in
                    await signIn(url, email, password)
                }
            }
        }
    }

    private func signIn(_ url: URL, _ email: String, _ password: String) async {
        do {
            let client = try BOSClient(url: url, tokens: SignIn(url: url, email: email, password: password))
            await client.connect()
            let me = try await client.signedIn()
            await client.subscribe(["organization:\(me.organizationId)"])
            signedIn = SignedIn(live: LiveStore(client), meeting: Meeting(client: client), me: me.userId)
        } catch {
            problem = error.localizedDescription
        }
    }
}

struct SignInView: View {
    let problem: String
    let signIn: (URL, String, String) async -> Void

    @State private var address = "https://"
    @State private var email = ""
    @State private var password = ""

    var body: some View {
        Form {
            TextField("Server", text: $address)
            TextField("Email", text: $email)
            SecureField("Password", text: $password)
            Button("Sign in") {
                guard let url = URL(string: address) else { return }
                Task { await signIn(url, email, password) }
            }
            Text(problem)
        }
        .padding()
    }
}
