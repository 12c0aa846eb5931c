const line = document.getElementById("line");
const both = document.querySelector(".both");
line.addEventListener("input", () => both.style.setProperty("--cut", line.value + "%"));
