# For a tap of one's own; Linux alone, as the program.
class Kubegrant < Formula
  desc "Decide who may reach which Kubernetes cluster, and prove it"
  url "@URL@"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on :linux
  depends_on arch: :x86_64

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
