/// Where somebody points, between two reports: it glides, instead of jumping ten times a second.
///
/// Times are seconds of any clock that does not go back.
public struct CursorTrack: Hashable, Sendable {
    /// A little more than the time between two reports.
    public static let glide = 0.12

    public private(set) var focusedEntity: EntityRef?
    private var from: Position
    private var to: Position
    private var since: Double

    public init(_ moved: CursorMoved, at time: Double) {
        from = moved.position
        to = moved.position
        since = time
        focusedEntity = moved.focusedEntity
    }

    /// Take over a report; the way goes on from where the cursor is shown now.
    public mutating func move(_ moved: CursorMoved, at time: Double) {
        from = position(at: time)
        to = moved.position
        since = time
        focusedEntity = moved.focusedEntity
    }

    public func position(at time: Double) -> Position {
        let share = min(max((time - since) / Self.glide, 0), 1)
        return Position(
            x: from.x + (to.x - from.x) * share,
            y: from.y + (to.y - from.y) * share,
            z: from.z + (to.z - from.z) * share
        )
    }
}
