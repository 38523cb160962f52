//! Lets the linked programs find libtorch where they were built against it, without environment variables.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        // The older DT_RPATH also serves the libraries that libtorch itself asks for.
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib,--disable-new-dtags");
    }
}
