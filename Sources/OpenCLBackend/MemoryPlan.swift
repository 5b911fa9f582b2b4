/// Where storages of known lifetimes lie, so that those that do not live together share memory.
///
/// Greedy by size: the largest first, each in the smallest gap that what lives with it leaves.
/// Source: Y. Pisarchyk, J. Lee, "Efficient memory management for deep neural net inference",
/// MLSys 2020 workshop, algorithm 3.
package struct MemoryPlan: Sendable {
  /// From the first command that uses a storage to the last.
  package struct Lifetime: Sendable {
    let byteCount: Int
    let commands: ClosedRange<Int>

    package init(byteCount: Int, commands: ClosedRange<Int>) {
      self.byteCount = byteCount
      self.commands = commands
    }
  }

  /// A place in one of the slabs.
  package struct Place: Sendable, Hashable {
    package let slab: Int
    package let offset: Int
  }

  /// The place of each storage.
  package let places: [Place]
  /// The bytes of each slab.
  package let slabs: [Int]

  /// Plans memory.
  ///
  /// - Parameters:
  ///   - lifetimes: Of the storages, all of at least one byte.
  ///   - alignment: What every offset is a multiple of.
  ///   - slabLimit: The most bytes of a slab; a larger storage has one of its own.
  package init(_ lifetimes: [Lifetime], alignment: Int, slabLimit: Int) {
    var places = [Place](repeating: Place(slab: 0, offset: 0), count: lifetimes.count)
    var slabs: [Int] = []
    // The storages of each slab, by offset.
    var tenants: [[Int]] = []
    func end(_ storage: Int) -> Int {
      (places[storage].offset + lifetimes[storage].byteCount).rounded(upToMultipleOf: alignment)
    }
    let bySize = lifetimes.indices.sorted {
      (lifetimes[$1].byteCount, $0) < (lifetimes[$0].byteCount, $1)
    }
    for storage in bySize {
      let size = lifetimes[storage].byteCount
      var best: (place: Place, gap: Int)?
      for slab in slabs.indices {
        var free = 0
        for tenant in tenants[slab]
        where lifetimes[tenant].commands.overlaps(lifetimes[storage].commands) {
          let gap = places[tenant].offset - free
          if gap >= size, gap < best?.gap ?? .max {
            best = (Place(slab: slab, offset: free), gap)
          }
          free = max(free, end(tenant))
        }
        // Behind the last is room up to the slab's limit, taken only where no gap fits.
        if best == nil, free + size <= max(slabLimit, slabs[slab]) {
          best = (Place(slab: slab, offset: free), .max)
        }
      }
      let place = best?.place ?? Place(slab: slabs.count, offset: 0)
      if place.slab == slabs.count {
        slabs.append(0)
        tenants.append([])
      }
      places[storage] = place
      slabs[place.slab] = max(slabs[place.slab], place.offset + size)
      let position = tenants[place.slab].firstIndex { places[$0].offset > place.offset }
      tenants[place.slab].insert(storage, at: position ?? tenants[place.slab].count)
    }
    self.places = places
    self.slabs = slabs
  }
}
