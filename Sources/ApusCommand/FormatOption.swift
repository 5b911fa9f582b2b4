import ArgumentParser

/// The flag `--json` of every command whose output a program may want.
struct FormatOption: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Write JSON to standard output, for programs.")
  var isJSON = false
}
