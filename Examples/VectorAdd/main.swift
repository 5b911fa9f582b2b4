// Adds two vectors on the first OpenCL device, with OpenCLRuntime and nothing else.

import OpenCLRuntime

let source = """
  kernel void add(global const float *a, global const float *b, global float *sum, uint count) {
    size_t i = get_global_id(0);
    if (i < count) sum[i] = a[i] + b[i];
  }
  """

if let device = try OpenCLDevice.all().first {
  let context = try Context(device)
  let queue = try Queue(context)
  let program = try Program(context, source: ProgramSource(name: "add.cl", text: source))
  let add = try Kernel<Buffer, Buffer, Buffer, UInt32>(program, "add")

  let a = (0..<1000).map { Float($0) }
  let sum = try Buffer(context, bytes: a.count * MemoryLayout<Float>.stride)
  try queue.enqueue(
    add, Buffer(context, copying: a), Buffer(context, copying: a), sum, UInt32(a.count),
    global: [1024], local: [64])

  let result: [Float] = try queue.read(sum)
  guard result == a.map({ $0 + $0 }) else { fatalError("\(device.name) adds wrongly: \(result)") }
  print("\(device.name): 1 + 1 = \(result[1]), …, 999 + 999 = \(result[999])")
} else {
  print("No OpenCL platform found; on Debian, `apt install pocl-opencl-icd` makes the CPU one.")
}
