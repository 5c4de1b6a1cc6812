# For a tap of one's own; Linux alone, as the program.
class Kubegrant < Formula
  desc "Decide who may reach which Kubernetes cluster, and prove it"
  version "@VERSION@"
  license "Apache-2.0"

  depends_on :linux
  # without arm64
  depends_on arch: :x86_64
  # end

  on_intel do
    url "@URL@"
    sha256 "@SHA256@"
  end
  # arm64
  on_arm do
    url "@URL_ARM64@"
    sha256 "@SHA256_ARM64@"
  end
  # end

  def install
    bin.install "kubegrant"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/kubegrant.bash" => "kubegrant"
    zsh_completion.install "completions/_kubegrant"
    fish_completion.install "completions/kubegrant.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kubegrant --version")
  end
end
