/// How a program is compiled.
///
/// Nothing here changes what a kernel calculates unless it is asked for by name, and there is no
/// switch for fast mathematics as a whole.
public struct BuildOptions: Hashable, Sendable {
  /// The version of OpenCL C that a program is written in.
  public enum LanguageVersion: String, Sendable {
    /// OpenCL C 1.2, which every device takes.
    case openCL12 = "CL1.2"
    /// OpenCL C 3.0; ask ``OpenCLDevice/languageVersion`` first.
    case openCL30 = "CL3.0"
  }

  /// The version of OpenCL C.
  public var languageVersion: LanguageVersion
  /// Lets a * b + c be one operation with one rounding, or a less accurate one (-cl-mad-enable).
  public var madEnable: Bool
  /// Lets numbers below the least normal one be zero (-cl-denorms-are-zero).
  public var denormalsAreZero: Bool
  /// Demands division and square root of float that are correctly rounded, on devices that can
  /// (-cl-fp32-correctly-rounded-divide-sqrt).
  public var correctlyRoundedDivision: Bool
  /// Makes each warning an error (-Werror).
  public var warningsAreErrors: Bool
  /// A vendor's own options, such as `-cl-nv-verbose`, as they are.
  public var vendorOptions: [String]

  /// Makes options; without arguments, OpenCL C 1.2 with the standard's accuracy.
  public init(
    languageVersion: LanguageVersion = .openCL12, madEnable: Bool = false,
    denormalsAreZero: Bool = false, correctlyRoundedDivision: Bool = false,
    warningsAreErrors: Bool = false, vendorOptions: [String] = []
  ) {
    self.languageVersion = languageVersion
    self.madEnable = madEnable
    self.denormalsAreZero = denormalsAreZero
    self.correctlyRoundedDivision = correctlyRoundedDivision
    self.warningsAreErrors = warningsAreErrors
    self.vendorOptions = vendorOptions
  }

  /// The options as clBuildProgram takes them.
  public var text: String {
    var words = ["-cl-std=\(languageVersion.rawValue)"]
    if madEnable { words.append("-cl-mad-enable") }
    if denormalsAreZero { words.append("-cl-denorms-are-zero") }
    if correctlyRoundedDivision { words.append("-cl-fp32-correctly-rounded-divide-sqrt") }
    if warningsAreErrors { words.append("-Werror") }
    return (words + vendorOptions).joined(separator: " ")
  }
}
